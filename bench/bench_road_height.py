"""Height of a road that is met again: figures of docs/figures/inertial.md.

    KINEMA_DATA=… python bench/bench_road_height.py

The RTK car drives its last 90 s where it has driven before. Satellites are taken away there, once per solve, for 15, 30
and 60 s from moments a few seconds apart; the withheld fixes judge. Then the same all over the drive.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kinema.analysis.outage import Outage, judge
from kinema.core.recording import Recording
from kinema.core.time import NS
from kinema.estimate.options import Method, SolveOptions
from kinema.estimate.strategy import solve
from kinema.formats.reading import read

AGAIN: dict[float, tuple[float, ...]] = {
    15.0: tuple(np.arange(454.0, 526.0, 6.0)), 30.0: tuple(np.arange(452.0, 512.0, 5.0)),
    60.0: tuple(np.arange(440.0, 480.0, 5.0)),
}  # fmt: skip
"""Seconds after the first fix, by length."""
EVERYWHERE: dict[float, tuple[float, ...]] = {
    15.0: tuple(np.arange(55.0, 525.0, 11.0)), 30.0: tuple(np.arange(60.0, 510.0, 15.0)),
    60.0: tuple(np.arange(65.0, 480.0, 30.0)),
}  # fmt: skip


def outages(
    recording: Recording, length_s: float, starts: tuple[float, ...], method: Method, *, together: bool, on: bool
) -> list[Outage]:
    """Outages of one length, solved one by one, or as many at a time as leave twice their length between."""
    fixes = recording.streams["fixes"]
    apart = 1 if not together else int(np.ceil(3.0 * length_s / np.diff(starts)[0]))
    groups = [starts[k::apart] for k in range(apart)] if together else [(one,) for one in starts]
    out: list[Outage] = []
    for group in groups:
        spans = [(int(fixes.t_ns[0]) + round(s * NS), int(fixes.t_ns[0]) + round((s + length_s) * NS)) for s in group]
        options = SolveOptions(
            method=method, masks=tuple(("gnss", a, b) for a, b in spans), params={"inertial": {"road_height": on}}
        )
        out += judge(solve(recording, options), fixes, spans).outages
    return out


def main() -> None:
    """Both tables."""
    folder = Path(os.environ["KINEMA_DATA"]) / "car-mems-imu-rtk"
    recording = read(folder / "gnss_rtk.pos", folder / "imu.csv.gz")
    methods: tuple[Method, ...] = ("filter", "smooth")
    for name, cases, together in (("roads met again", AGAIN, False), ("everywhere", EVERYWHERE, True)):
        for method in methods:
            for length, starts in cases.items():
                for on in (False, True):
                    found = outages(recording, length, starts, method, together=together, on=on)
                    end, high = (np.quantile(np.abs([o.end_up_m for o in found]), q) for q in (0.5, 0.95))
                    up, flat = (np.sqrt(np.mean([getattr(o, f) ** 2 for o in found])) for f in ("up_rms_m", "rms_m"))
                    print(
                        f"{name}, {method}, {length:g} s x {len(found)}, road_height {on!s:5}: height at the end "
                        f"{end:.2f}/{high:.2f} m, inside RMS {up:.3f} m; horizontal RMS {flat:.3f} m", flush=True,
                    )  # fmt: skip


if __name__ == "__main__":
    main()
