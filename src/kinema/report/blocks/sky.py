"""The sky: where the satellites stood, how strong they were and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kinema.report.blocks.base import figure
from kinema.report.blocks.charts import Groups


@dataclass(frozen=True)
class Sky:
    """Azimuth and elevation columns (degrees) of groups of rows, coloured by C/N0 (dB-Hz) or by whether they were
    used; `state` is 0 for used rows, else an index into `states`."""

    title: str
    groups: Groups
    azimuth: str
    elevation: str
    cn0: str
    state: str
    states: Sequence[str]
    height_px: int = 360
    scripts: ClassVar[tuple[str, ...]] = ("sky.js",)

    def html(self, ident: str) -> str:
        """Markup of the block."""
        chooser = (
            '<label class="choose">Colour <select><option value="cn0">C/N0</option>'
            '<option value="state">Used or not</option><option value="family">System</option></select></label>'
        )
        label = f"{self.title}: {len(self.groups.names)} satellites by azimuth and elevation"
        return figure(ident, "sky", self.title, "", label, height_px=self.height_px, extra=chooser)

    def spec(self) -> dict[str, Any]:
        """What its script is to draw."""
        return {
            "kind": "sky", "groups": self.groups.spec(), "azimuth": self.azimuth, "elevation": self.elevation,
            "cn0": self.cn0, "state": self.state, "states": list(self.states),
        }  # fmt: skip
