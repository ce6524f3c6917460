"""A headless Chromium for tests, through chromedriver's own HTTP interface (W3C WebDriver): no further package."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any


def missing() -> str:
    """Why there is no browser to test with; empty where there is one."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"NO BROWSER: {' and '.join(lacking)} not on PATH" if lacking else ""


class Browser:
    """One headless window. Use as a context manager."""

    def __init__(self, width: int = 1440, height: int = 900) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kinema-browser-", ignore_cleanup_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(
            [shutil.which("chromedriver") or "chromedriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._url = f"http://127.0.0.1:{port}"
        self._wait_for_driver()
        arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--disable-background-networking", "--no-first-run", f"--window-size={width},{height}",
            f"--user-data-dir={self._folder.name}",
        ]  # fmt: skip
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._call("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=10)
            self._folder.cleanup()

    def _wait_for_driver(self) -> None:
        for _ in range(200):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.05)
        raise RuntimeError("chromedriver does not answer")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, path: Path) -> None:
        """Load a page from file:// and wait until it has drawn itself."""
        self._call("POST", self._session + "/url", {"url": path.resolve().as_uri()})
        self.until("return window.kinemaReady === true || !!window.kinemaError")
        failed = self.run("return window.kinemaError || ''")
        if failed:
            raise AssertionError(failed)

    def run(self, script: str, *args: Any) -> Any:
        """The value that JavaScript returns."""
        return self._call("POST", self._session + "/execute/sync", {"script": script, "args": list(args)})

    def until(self, script: str, seconds: float = 60.0) -> None:
        """Wait until JavaScript returns something true."""
        stop = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > stop:
                raise AssertionError(f"still not so after {seconds:g} s: {script}")
            time.sleep(0.02)

    def frames(self, count: int = 2) -> None:
        """Wait until the page has drawn `count` frames."""
        step = "const step = () => { if (--window.framesLeft > 0) requestAnimationFrame(step); };"
        self.run(f"window.framesLeft = arguments[0]; {step} requestAnimationFrame(step);", count)
        self.until("return window.framesLeft <= 0")

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the Chrome DevTools protocol."""
        return self._call(
            "POST", self._session + "/goog/cdp/execute", {"cmd": command, "params": parameters}
        )  # fmt: skip

    def size(self, width: int, height: int, *, phone: bool = False, scale: float = 1.0) -> None:
        """Set the size of the page's window."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    def dark(self, on: bool = True) -> None:
        """Prefer dark or light colours."""
        value = "dark" if on else "light"
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def screenshot(self, path: Path) -> None:
        """A PNG of the window."""
        path.write_bytes(base64.b64decode(self._call("GET", self._session + "/screenshot")))

    def pdf(self) -> bytes:
        """The page as printed."""
        return base64.b64decode(self._call("POST", self._session + "/print", {"background": True}))

    def console(self) -> list[str]:
        """What the page has written to the console since last asked."""
        return [entry["message"] for entry in self._call("POST", self._session + "/se/log", {"type": "browser"})]

    def requested(self) -> list[str]:
        """Addresses that the page has asked for since last asked."""
        events = self._call("POST", self._session + "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in events]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def opened(browser: Browser, page: Path) -> Browser:
    """The page, light, on a desk's window; what was logged and asked for before is forgotten."""
    browser.size(1440, 900)
    browser.dark(False)
    browser.console()
    browser.requested()
    browser.open(page)
    return browser
