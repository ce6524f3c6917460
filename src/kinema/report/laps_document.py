"""`laps_report`: the page of a lap session, and its printed sheet through a browser that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kinema.analysis.laps import Session
from kinema.errors import ConfigError
from kinema.report.document import Report
from kinema.report.laps_page import laps_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def laps_report(session: Session, numbers: Sequence[int] = (), title: str | None = None) -> Report:
    """A self-contained page of a session: map by gain, deltas, overlays of up to six laps, channels, tables with ±."""
    return Report(laps_page(session, numbers, title))


def print_pdf(report: Report, path: str | os.PathLike[str], timeout_s: float = 120.0) -> Path:
    """Print a page to PDF through Chromium. Raises ConfigError where there is none or where it fails."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise ConfigError(
            "a PDF needs Chromium or Chrome on the PATH; write the page with --report and print it instead"
        )
    target = Path(path).resolve()
    with tempfile.TemporaryDirectory() as folder:
        page = report.save(Path(folder) / "page.html")
        command = [
            browser,
            "--headless=new",
            "--disable-gpu",
            "--no-sandbox",
            f"--user-data-dir={folder}/profile",
            "--virtual-time-budget=8000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise ConfigError(f"{browser} did not print within {timeout_s:.0f} s") from None
    if done.returncode or not target.is_file():
        raise ConfigError(f"{browser} could not print to {target}")
    return target
