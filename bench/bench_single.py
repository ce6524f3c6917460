"""Single-point positioning, epochs per second on one core: Kinema (smoothing included) against RTKLIB, in one run.

    KINEMA_DATA=… OMP_NUM_THREADS=1 python bench/bench_single.py [RECORDING …]

Processor time of one thread. Both get observations and messages in memory and the same systems; Kinema takes two
frequencies and smooths, RTKLIB (pyrtklib5) solves its single mode with the broadcast ionosphere. Reading is not
counted: bench_rinex.py does that.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import hatanaka
import numpy as np
import pyrtklib5 as rk

import kinema
from kinema.core.recording import Recording

DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RECORDINGS = {
    "ppp-esbc-24h": ("ESBC00DNK_R_20201770000_01D_30S_MO.crx.gz", "ESBC00DNK_R_20201770000_01D_MN.rnx.gz"),
    "car-rtk-japan-2021-265": ("SEPT265G.21O", "SEPT2650.21P"),
    "static-rtk-japan-2021-078": ("SEPT078M.21O", "SEPT078M.21P"),
    "static-rtk-1m": ("rover.obs.gz", "base.nav"),
}
TURNS = 3
SYSTEMS = "GECJ"
"""Without GLONASS, with which pntpos fails more than half of the station's epochs."""


def plain(path: Path, folder: Path) -> str:
    """An uncompressed copy that RTKLIB reads."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if b"CRINEX" in data[:200]:
        data = hatanaka.decompress(data)
    out = folder / (path.name.split(".")[0] + (".nav" if "N" in path.suffixes[0] or "nav" in path.name else ".obs"))
    out = folder / f"{len(list(folder.iterdir()))}{out.name}"
    out.write_bytes(data)
    return str(out)


def rtklib(observation: Path, navigation: Path) -> tuple[int, float]:
    """Epochs and seconds of RTKLIB's pntpos over all epochs."""
    obs, nav, sta = rk.obs_t(), rk.nav_t(), rk.sta_t()
    with tempfile.TemporaryDirectory() as folder:
        for path in (observation, navigation):
            rk.readrnx(plain(path, Path(folder)), 1, "", obs, nav, sta)
    rk.sortobs(obs)
    rk.uniqnav(nav)
    option = rk.prcopt_t()
    option.mode, option.nf, option.elmin = rk.PMODE_SINGLE, 1, 0.14
    option.navsys = rk.SYS_GPS | rk.SYS_GAL | rk.SYS_CMP | rk.SYS_QZS
    option.ionoopt, option.tropopt = rk.IONOOPT_BRDC, rk.TROPOPT_SAAS
    stamp = [(obs.data[i].time.time, obs.data[i].time.sec) for i in range(obs.n)]
    starts = [i for i in range(obs.n) if i == 0 or stamp[i] != stamp[i - 1]]
    first = [obs.data[i] for i in starts]
    count = np.diff([*starts, obs.n]).tolist()
    solution, azel, message = rk.sol_t(), rk.Arr1Ddouble(2 * rk.MAXSAT), rk.Arr1Dchar(256)
    best, good = np.inf, 0
    for _ in range(TURNS):
        good = 0
        began = time.process_time()
        for epoch, n in zip(first, count, strict=True):
            good += rk.pntpos(epoch, n, nav, option, solution, azel, None, message)
        best = min(best, time.process_time() - began)
    print(f"  RTKLIB: {good} of {len(starts)} epochs solved")
    return len(starts), best


def ours(observation: Path, navigation: Path) -> tuple[int, float]:
    """Epochs and seconds of kinema.solve, smoothing, covariances and residual table included."""
    recording = Recording({**kinema.read(observation).streams, **kinema.read(navigation).streams})
    solution = kinema.solve(recording, mode="single", systems=SYSTEMS)
    best = np.inf
    for _ in range(TURNS):
        began = time.process_time()
        solution = kinema.solve(recording, mode="single", systems=SYSTEMS)
        best = min(best, time.process_time() - began)
    print(f"  Kinema: {int(solution.valid.sum())} of {len(solution)} epochs solved")
    return len(solution), best


def main() -> None:
    for name in sys.argv[1:] or RECORDINGS:
        observation, navigation = (DATA / name / file for file in RECORDINGS[name])
        print(name)
        epochs, theirs = rtklib(observation, navigation)
        n, mine = ours(observation, navigation)
        print(
            f"  epochs/s: RTKLIB {epochs / theirs:,.0f}, Kinema {n / mine:,.0f}; ratio {theirs / mine * n / epochs:.2f}"
        )


if __name__ == "__main__":
    main()
