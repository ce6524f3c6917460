"""RINEX reading beside the peers, one core, in one run: `python bench/bench_rinex.py`.

Needs `pip install -e .[bench]` and the recordings (KINEMA_DATA). Each file is made plain text first, as the peers
do not read all compressions. Epochs per second, best of the repeats; georinex gets the first epochs only: it takes
minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from kinema.formats.base import ReadOptions
from kinema.formats.opening import open_source
from kinema.formats.rinex_obs import read

DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
FILES = (
    "car-rtk-japan-2021-265/SEPT265G.21O",
    "static-rtk-1m/rover.obs.gz",
    "sim-spirent-rtk/Rover-dynamic_MO_Spirent.obs.gz",
    "ppp-esbc-24h/ESBC00DNK_R_20201770000_01D_30S_MO.crx.gz",
)
REPEATS = 5
GEORINEX_EPOCHS = 60


def best(run: Callable[[], int], repeats: int = REPEATS) -> tuple[float, int]:
    """Shortest time of some runs, and what the run counts."""
    times, count = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        count = run()
        times.append(time.perf_counter() - start)
    return min(times), count


def ours(path: Path) -> int:
    return len(read(open_source(path), ReadOptions()).streams["gnss"].t_ns)


def rtklib(path: Path) -> int:
    import pyrtklib5

    obs, nav, sta = pyrtklib5.obs_t(), pyrtklib5.nav_t(), pyrtklib5.sta_t()
    pyrtklib5.readrnx(str(path), 1, "", obs, nav, sta)
    return int(obs.n)


def georinex(path: Path) -> int:
    import georinex

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return len(georinex.load(path).time)


def peak_mb(path: Path) -> float:
    """Peak memory of a fresh process that reads one file (Linux).

    From VmHWM: ru_maxrss of a child begins with the peak of its parent, here that of the peers.
    """
    code = "import kinema, sys; kinema.read(sys.argv[1]); print(open('/proc/self/status').read())"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return next(float(row.split()[1]) for row in run.stdout.splitlines() if row.startswith("VmHWM")) / 1024


def first_epochs(text: bytes, count: int) -> bytes:
    at = text.index(b"END OF HEADER")
    for _ in range(count + 1):
        at = text.find(b"\n>", at) + 1
        if at == 0:
            return text
    return text[:at]


def main() -> int:
    if not DATA.is_dir():
        print(f"no recordings in {DATA}; set KINEMA_DATA", file=sys.stderr)
        return 1
    have = {}
    for name in ("pyrtklib5", "georinex"):
        try:
            __import__(name)
            have[name] = True
        except ImportError:
            have[name] = False
    print(f"{'file':44} {'MB':>6} {'epochs':>6} {'kinema':>9} {'pyrtklib5':>9} {'ratio':>6} {'georinex':>9}   epochs/s")
    with tempfile.TemporaryDirectory() as folder:
        for name in FILES:
            text = bytes(open_source(DATA / name).data)
            plain, short = Path(folder) / "plain.obs", Path(folder) / "short.obs"
            plain.write_bytes(text)
            short.write_bytes(first_epochs(text, GEORINEX_EPOCHS))
            ours(plain)
            mine, epochs = best(lambda: ours(plain))  # noqa: B023
            line = f"{Path(name).name:44} {len(text) / 1e6:6.1f} {epochs:6} {epochs / mine:9.0f}"
            if have["pyrtklib5"]:
                theirs, _ = best(lambda: rtklib(plain))  # noqa: B023
                line += f" {epochs / theirs:9.0f} {theirs / mine:6.2f}"
            if have["georinex"]:
                slow, some = best(lambda: georinex(short), 1)  # noqa: B023
                line += f" {some / slow:9.1f}"
            print(line, flush=True)
    print(f"peak memory of reading the last one, in a process of its own: {peak_mb(DATA / FILES[-1]):.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
