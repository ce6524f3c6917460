"""RTK, epochs per second on one core: Kinema's filter and batch against RTKLIB demo5's forward filter, in one run.

    KINEMA_DATA=… OMP_NUM_THREADS=1 python bench/bench_rtk.py [RECORDING …]

Processor time of one thread, end to end: reading the files, solving, nothing written by Kinema; RTKLIB (pyrtklib5's
postpos) reads, solves and writes its .pos. Then what each of both fixed. Kinema's kernels are compiled before.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyrtklib5 as rk

import kinema
from kinema.core.frames import ecef_from_geodetic

DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
JAPAN = (-3959400.631, 3385704.533, 3667523.111)
RECORDINGS = {
    "sim-spirent-rtk": (
        "Rover-dynamic_MO_Spirent.obs.gz", "Base-static_MO_Spirent.obs.gz",
        ("RINEX_GN_Spirent.23N", "RINEX_EN_Spirent.23L"), (48.780735784, 9.171992250, 320.0),
    ),
    "static-rtk-1m": ("rover.obs.gz", "base.obs.gz", ("base.nav",), (35.134707705, 136.977577939, 104.853)),
    "car-rtk-japan-2021-265": ("SEPT265G.21O", "3034265G.21O", ("SEPT2650.21P",), JAPAN),
}  # fmt: skip
TURNS = 3


def base_ecef(given: tuple[float, float, float]) -> np.ndarray:
    """The base in ECEF; what looks like latitude and longitude is turned."""
    if abs(given[0]) > 1e4:
        return np.array(given)
    return ecef_from_geodetic(np.radians(given[0]), np.radians(given[1]), given[2])


def rtklib(files: list[str], base: np.ndarray, frequencies: int, folder: str) -> tuple[int, int, float]:
    """Epochs, fixed epochs and processor seconds of RTKLIB's kinematic mode, forward."""
    option, solution, file_option = rk.prcopt_default, rk.solopt_default, rk.filopt_t()
    option.mode, option.nf, option.soltype, option.elmin = rk.PMODE_KINEMA, frequencies, 0, np.radians(10.0)
    option.navsys = rk.SYS_GPS | rk.SYS_GLO | rk.SYS_GAL | rk.SYS_CMP | rk.SYS_QZS
    option.modear, option.glomodear, option.bdsmodear = 1, 0, 1
    option.ionoopt, option.tropopt, option.dynamics = rk.IONOOPT_BRDC, rk.TROPOPT_SAAS, 1
    option.minfixsats, option.minholdsats, option.arfilter = 4, 5, 1
    option.refpos = rk.POSOPT_POS_XYZ
    for i in range(3):
        option.rb[i] = float(base[i])
    out = str(Path(folder) / f"out{frequencies}.pos")
    began = time.process_time()
    rk.postpos(rk.gtime_t(), rk.gtime_t(), 0.0, 0.0, option, solution, file_option, files, len(files), out, "", "")
    seconds = time.process_time() - began
    rows = [line.split() for line in Path(out).read_text().splitlines() if line and not line.startswith("%")]
    return len(rows), sum(row[5] == "1" for row in rows), seconds


def kinema_run(folder: Path, name: str, frequencies: int, method: str) -> tuple[int, int, float]:
    """Epochs, fixed epochs and the least processor seconds of Kinema."""
    rover, base_file, navigation, base = RECORDINGS[name]
    least = np.inf
    for _ in range(TURNS):
        began = time.process_time()
        recording = kinema.read(folder / rover, *(folder / n for n in navigation), base=folder / base_file)
        position = tuple(base_ecef(base))
        solution = kinema.solve(
            recording, mode="rtk", method=method, frequencies=frequencies, base_position_e_m=position
        )
        least = min(least, time.process_time() - began)
    return len(solution), int((solution.status == kinema.FixStatus.FIXED).sum()), least


def main() -> None:
    """Print a line per recording and number of frequencies."""
    print(f"{'recording':26} f  {'engine':18} epochs/s  fixed    × RTKLIB")
    for name in sys.argv[1:] or RECORDINGS:
        folder = DATA / name
        rover, base_file, navigation, base = RECORDINGS[name]
        with tempfile.TemporaryDirectory() as work:
            files = []
            for number, file in enumerate((rover, base_file, *navigation)):
                data = (folder / file).read_bytes()
                data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
                files.append(str(Path(work) / f"{number}-{file.removesuffix('.gz')}"))
                Path(files[-1]).write_bytes(data)
            for frequencies in (2, 3):
                runs = [rtklib(files, base_ecef(base), frequencies, work) for _ in range(TURNS)]
                epochs, fixed, seconds = min(runs, key=lambda run: run[2])
                print(f"{name:26} {frequencies}  {'RTKLIB forward':18} {epochs / seconds:8.0f}  {fixed / epochs:6.1%}")
                for method in ("filter", "batch"):
                    n, good, mine = kinema_run(folder, name, frequencies, method)
                    ratio = (n / mine) / (epochs / seconds)
                    print(
                        f"{name:26} {frequencies}  {'Kinema ' + method:18} {n / mine:8.0f}  "
                        f"{good / n:6.1%}  {ratio:5.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
