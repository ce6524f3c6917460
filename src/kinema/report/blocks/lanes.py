"""Bars over time, one lane for each group: stretches that something lasted, their state, and why they began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import figure
from kinema.report.blocks.charts import Category, Groups

LANE_PX = (5, 11)
MOST_PX = 880
FOOT_PX = 23
"""Lanes are as high as they can be without the block growing above MOST_PX, and never lower than the least."""


@dataclass(frozen=True)
class Lanes:
    """One bar per row of some groups, from the sample of the column `groups.row` to that of `stop`, in the lane of
    its group. `state` is a column of one of `states`, its colour; `cause` a column of indices into `causes`, why the
    bar began; those of `marked` get a mark. The last word of a group's name is its part of the lanes before it.
    """

    title: str
    groups: Groups
    stop: str
    state: str
    states: Sequence[Category]
    cause: str
    causes: Sequence[str]
    marked: Sequence[int] = ()
    mark: str = "slip"
    scripts: ClassVar[tuple[str, ...]] = ("lanes.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        names = ", ".join(state.label for state in self.states)
        label = f"{self.title} in {len(self.groups.names)} lanes: {names}"
        return figure(
            ident, "lanes", self.title, "", label, height_px=self._lane_px() * len(self.groups.names) + FOOT_PX
        )

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "lanes", "groups": self.groups.spec(), "stop": self.stop, "state": self.state,
            "states": [state.spec() for state in self.states], "cause": self.cause, "causes": list(self.causes),
            "marked": list(self.marked), "mark": self.mark, "lane": self._lane_px(),
        }  # fmt: skip

    def _lane_px(self) -> int:
        least, most = LANE_PX
        return min(max(MOST_PX // max(len(self.groups.names), 1), least), most)
