"""Self-contained HTML pages: one file that opens from file://, needs no network and holds all of its data.

A page is made of **columns** (`columns.Columns`: numbers, registered once, compressed), **tracks**
(`blocks.base.Track`: which columns are the samples of one mover, and which of them can be x), **axes** (what can be
x: time, distance) and **blocks** (`blocks/`: one file per kind; each writes its own markup and a JSON specification
for its script in `assets/`). The page has one cursor and one zoom, shared by every block (`assets/view.js`).

To make another page, register columns, name the tracks, list the blocks::

    columns = Columns()
    tracks = []
    for lap in laps:                                   # several laps, one cursor: each is a track
        key = f"lap{lap.number}"
        columns.add(f"{key}.s", lap.s_m, unit="m", quantum=0.01)
        columns.add(f"{key}.t", lap.t_s, unit="s", quantum=1e-4)
        columns.add(f"{key}.e", lap.east_m, unit="m", quantum=0.01)
        columns.add(f"{key}.n", lap.north_m, unit="m", quantum=0.01)
        columns.add(f"{key}.speed", lap.speed_kmh, unit="km/h")
        x = {"distance": f"{key}.s", "time": f"{key}.t"}
        tracks.append(Track(key, f"Lap {lap.number}", x, f"{key}.e", f"{key}.n", f"--c{lap.number}"))
    speed = Plot("Speed", "km/h", [Line(f"{t.name}.speed", t.label, t.name, t.colour) for t in tracks])
    course = Map("Map", [t.name for t in tracks], [Colouring("lap1.speed", "Speed", "km/h", 60, 240)])
    times = Table("Laps", ("Lap", "Time"), [["1", Cell("1:23.456", 83.456, plus_minus="0.004 s")]])
    page = Page(
        "Session", [Section("", [speed], "split", aside=[course]), Section("Laps", [times])],
        columns, tracks, axes=[Axis("distance", "Distance", "length"), Axis("time", "Time", "time", "s")],
    )
    Report(page).save("laps.html")

- The first track leads: the cursor steps through its samples, `spans` and `readout` belong to it. At a cursor value
  every other track shows its own sample nearest to it, so laps over distance meet at the same place, and over time at
  the same time since their starts. A track without the present axis is met at the leader's time.
- Whatever moves in time moves with the cursor; the play button runs it. So a plan of many movers is a Map of their
  tracks, and an animation is the cursor played.
- Rows of many satellites or movers in one set of columns are `Groups` (see `satellites.py`); `Cloud` draws them, and
  `Lanes` what lasted from one sample to another (see `arcs.py`).
- A new kind of block: a frozen dataclass with `scripts`, `html(ident)` and `spec()`; a module in `assets/` that calls
  `register(kind, mount)`. `mount(element, spec, {store, view})` draws into `element`, listens by
  `view.on(["range", "cursor", "axis", "theme"], …)` and returns its `Surface`. No build step: `scripts.py` puts the
  modules that a page needs into it, and tells of top-level names that two of them share.
- Texts from files never become markup: `text()` in Python, `textContent` in scripts; the page's policy runs no script
  but its own, known by hash, and loads nothing.
- Units: columns carry what a person reads (km/h, degrees); SI ends where columns are registered.

`kinema.report` is the function `document.report` to a user and this package to Python: the package can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """Importing any module of this package binds `kinema.report` to the package; so a call reaches the function."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from kinema.report.document import report

        return report(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
