"""Size of the page of a scene, how fast it opens and how fluently it plays, for 20 and for 1,000 movers.

    python bench/bench_scene.py            # needs chromium and chromedriver

Opening is measured in headless Chromium without a graphics card, from the navigation to the second frame after every
block has drawn; frames are those that the page draws while it plays with trails of five seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser import Browser, missing
from kinema.report.document import Report
from kinema.report.scene_document import scene_report
from kinema.simulate.meeting import athletics
from kinema.tracking.ground_offline import track_ground_offline
from scenes import crowd

PLAY = """
window.gaps = [];
document.querySelector("[data-do=play]").click();
let last = performance.now();
const begin = last, step = (now) => {
  window.gaps.push(now - last);
  last = now;
  if (now - begin < 3000) requestAnimationFrame(step);
  else document.querySelector("[data-do=play]").click();
};
requestAnimationFrame(step);
"""


def meeting() -> Report:
    """20 runners over 12 laps on a 400 m track, tracked from detections at 10 Hz."""
    scene = athletics(1)
    tracks = track_ground_offline(scene.detections)
    return scene_report(tracks, course=scene.course, detections=scene.detections)


def main() -> None:
    """Print one line per page."""
    if missing():
        sys.exit(missing())
    cases = {"20 runners, 12 laps, lap board": meeting, "1,000 movers, 2 min at 10 Hz": lambda: scene_report(
        crowd(1000, 120.0, 10.0))}  # fmt: skip
    print(f"{'page':32} {'make s':>7} {'MB':>6} {'open ms':>8} {'frames/s':>9} {'p95 ms':>7}")
    with tempfile.TemporaryDirectory() as folder, Browser(1400, 1000) as browser:
        browser.size(1400, 1000)
        for name, make in cases.items():
            start = time.perf_counter()
            path = make().save(Path(folder) / "page.html")
            made, opens, plays = time.perf_counter() - start, [], []
            for _ in range(3):
                browser.open(path)
                opens.append(browser.run("return performance.getEntriesByName('kinema-ready')[0].startTime"))
                browser.run(PLAY)
                time.sleep(3.4)
                gaps = np.array(browser.run("return window.gaps")[3:])
                plays.append((float(np.percentile(gaps, 95)), 1000.0 / float(gaps.mean())))
            p95, rate = min(plays)
            print(f"{name:32} {made:7.2f} {path.stat().st_size / 1e6:6.2f} {min(opens):8.0f} {rate:9.1f} {p95:7.1f}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
