"""Size of the report and how fast it opens and follows the cursor, beside plotly, which draws the same three channels.

    python bench/bench_report.py            # needs chromium and chromedriver; plotly if it is there

Opening is measured in headless Chromium without a graphics card, from the navigation to the second frame after every
block has drawn; the frames per second of the cursor are what the page draws while the cursor moves in each of them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import kinema
from browser import Browser, missing
from kinema.core.solution import Channel, Solution
from sessions import drive

MOVE = """
window.rate = 0;
const view = kinema.view, [low, high] = view.range, start = performance.now();
let frames = 0;
const step = (now) => {
  frames++;
  view.setCursor(low + ((frames * 7) % 997) / 997 * (high - low), true);
  if (now - start < 2000) requestAnimationFrame(step);
  else window.rate = 1000 * frames / (now - start);
};
requestAnimationFrame(step);
"""
ZOOM = """
window.rate = 0;
const view = kinema.view, [low, high] = view.domain(), start = performance.now();
let frames = 0;
const step = (now) => {
  frames++;
  const share = 0.05 + 0.9 * Math.abs(Math.sin(frames / 20));
  view.setRange(low + 0.3 * share * (high - low), high - 0.3 * share * (high - low));
  if (now - start < 2000) requestAnimationFrame(step);
  else window.rate = 1000 * frames / (now - start);
};
requestAnimationFrame(step);
"""


def three_channels(n: int) -> Solution:
    """n epochs of a noisy drive: positions and three channels, nothing else."""
    whole, _ = drive(n, 0.1, residuals=False)
    rng = np.random.default_rng(2)
    t = np.arange(n) * 0.1
    channels = {
        "rpm": Channel(3000 + 2500 * np.sin(t / 8) + 20 * rng.standard_normal(n), "1/min"),
        "brake": Channel(np.clip(np.sin(t / 5), 0, 1) * 80 + rng.standard_normal(n), "bar"),
        "oil": Channel(95 + 5 * np.sin(t / 300) + 0.1 * rng.standard_normal(n), "°C"),
    }
    return Solution(whole.t_ns, whole.p_e_m, v_e_mps=whole.v_e_mps, channels=channels)


def plotly_megabytes(solution: Solution) -> float:
    """Size of plotly's page with the same channels as scattergl, its script inlined; NaN where it is not installed."""
    try:
        import plotly.graph_objects as go
    except ImportError:
        return float("nan")
    t = (solution.t_ns - solution.t_ns[0]) * 1e-9
    figure = go.Figure([go.Scattergl(x=t, y=c.value, name=k) for k, c in solution.channels.items()])
    return len(figure.to_html(include_plotlyjs=True).encode()) / 1e6


def pair(n: int, *, residuals: bool = True) -> dict[str, Solution]:
    """A drive with everything, and its truth."""
    solution, truth = drive(n, residuals=residuals)
    return {"solution": solution, "truth": truth}


def rate(browser: Browser, script: str) -> float:
    """Frames per second while a script moves something."""
    browser.run(script)
    browser.until("return window.rate > 0")
    return float(browser.run("return window.rate"))


def main() -> None:
    """Print one line per page."""
    if missing():
        sys.exit(missing())
    cases = {
        "100,000 epochs, all channels, truth": lambda: pair(100_000, residuals=False),
        "10,000 epochs, 540,000 residuals": lambda: pair(10_000),
        "1,000,000 epochs, 3 channels": lambda: {"solution": three_channels(1_000_000)},
    }
    print(f"{'page':38} {'make s':>7} {'MB':>6} {'open ms':>8} {'script ms':>9} {'cursor/s':>8} {'zoom/s':>7}")
    with tempfile.TemporaryDirectory() as folder, Browser(1600, 1000) as browser:
        for name, make in cases.items():
            given = make()
            start = time.perf_counter()
            path = kinema.report(**given).save(Path(folder) / "page.html")
            made = time.perf_counter() - start
            opens, scripts = [], []
            for _ in range(3):
                browser.open(path)
                opens.append(browser.run("return performance.getEntriesByName('kinema-ready')[0].startTime"))
                scripts.append(
                    opens[-1] - browser.run("return performance.getEntriesByName('kinema-start')[0].startTime")
                )
            size = path.stat().st_size / 1e6
            print(f"{name:38} {made:7.2f} {size:6.2f} {min(opens):8.0f} {min(scripts):9.0f} "
                  f"{rate(browser, MOVE):8.0f} {rate(browser, ZOOM):7.0f}", flush=True)  # fmt: skip
    print(f"plotly, 1,000,000 epochs, 3 channels: {plotly_megabytes(three_channels(1_000_000)):.1f} MB")


if __name__ == "__main__":
    main()
