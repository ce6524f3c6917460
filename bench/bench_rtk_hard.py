"""RTK where it is hard: real recordings behind simulated houses and far from their base, against RTKLIB demo5.

    KINEMA_DATA=… python bench/bench_rtk_hard.py [RECORDING…] [FROM-TO] [--rtklib]

Each seed is another street (tests/rtk_spoiled.py): masks along the way, reflections, slips, half cycles, outages, and a
base moved 9 km farther off with the atmosphere that this brings. Printed: share fixed, fixes off by more than 5 and
10 cm, clusters of the latter, horizontal errors over all epochs, in metres.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import numpy as np
from bench_rtk import DATA, RECORDINGS, base_ecef

import kinema
from kinema.core.frames import vectors_n_from_e
from kinema.core.solution import FixStatus
from rtk_spoiled import Hardness, directions, far_base, spoil

STREETS = {
    "open": Hardness(town=0.0, outages=False),
    "town": Hardness(town=0.65),
    "narrow": Hardness(town=1.0),
    "slow base": Hardness(town=0.6, base_every_s=30),
}


def rtklib(recording: kinema.Recording, base: np.ndarray, navigation: list[Path], work: str) -> tuple[np.ndarray, ...]:
    """Positions (n, 3), NaN where none, and which are fixed (n,), of RTKLIB's kinematic mode, forward."""
    import pyrtklib5 as rk

    from kinema.formats.rinex_obs_write import write_observations

    rover = recording.streams["gnss"]
    files = [f"{work}/rover.obs", f"{work}/base.obs", *map(str, navigation)]
    write_observations(rover, Path(files[0]))
    write_observations(recording.streams["base"], Path(files[1]))
    option, solution = rk.prcopt_default, rk.solopt_default
    option.mode, option.nf, option.soltype, option.elmin = rk.PMODE_KINEMA, 3, 0, np.radians(15.0)
    option.navsys = rk.SYS_GPS | rk.SYS_GAL | rk.SYS_QZS | rk.SYS_CMP | rk.SYS_GLO
    option.modear, option.glomodear, option.bdsmodear, option.refpos = 1, 0, 1, rk.POSOPT_POS_XYZ
    option.ionoopt, option.tropopt, option.dynamics = rk.IONOOPT_BRDC, rk.TROPOPT_SAAS, 1
    option.minfixsats, option.minholdsats, option.arfilter = 4, 5, 1
    for i in range(3):
        option.rb[i] = float(base[i])
    solution.posf = rk.SOLF_XYZ
    out = f"{work}/out.pos"
    rk.postpos(rk.gtime_t(), rk.gtime_t(), 0.0, 0.0, option, solution, rk.filopt_t(), files, len(files), out, "", "")
    p, fixed = np.full((len(rover.t_ns), 3), np.nan), np.zeros(len(rover.t_ns), dtype=np.bool_)
    of_day = rover.t_ns % 86_400_000_000_000 / 1e9
    for line in Path(out).read_text().splitlines():
        if line and not line.startswith("%"):
            words = line.split()
            hour, minute, second = words[1].split(":")
            k = int(np.argmin(np.abs(of_day - (int(hour) * 3600 + int(minute) * 60 + float(second)))))
            p[k], fixed[k] = [float(word) for word in words[2:5]], words[5] == "1"
    return p, fixed


def judged(p: np.ndarray, fixed: np.ndarray, truth: np.ndarray) -> str:
    """The figures of a solution as a line."""
    h = np.linalg.norm(vectors_n_from_e(p - truth, truth)[:, :2], axis=1)
    wrong = fixed & (h > 0.1)
    clusters = int((np.diff(wrong.astype(int), prepend=0) == 1).sum())
    there = h[np.isfinite(h)]
    return (
        f"{fixed.mean():6.1%}  {int((fixed & (h > 0.05)).sum()):5d}{int(wrong.sum()):5d}{clusters:5d}  "
        f"{np.median(there):7.3f}{np.percentile(there, 95):8.3f}{there.max():8.2f}"
    )


def main() -> None:
    """Print a line per recording, street, seed and engine."""
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    spans = [w for w in words if w[0].isdigit()]
    first, last = (int(v) for v in (spans[0] if spans else "41-43").split("-"))
    print(f"{'recording':24}{'street':11}seed {'engine':8}  fixed  >5cm >10cm  cl      H50     H95     max")
    for name in [w for w in words if w not in spans] or ["car-rtk-japan-2021-265", "static-rtk-1m"]:
        folder, (rover, base_file, navigation, given) = DATA / name, RECORDINGS[name]
        plain = kinema.read(folder / rover, *(folder / n for n in navigation), base=folder / base_file)
        base = base_ecef(given)
        truth = kinema.solve(plain, mode="rtk", method="filter", base_position_e_m=tuple(base)).p_e_m
        azimuth, elevation = directions(plain, tuple(base))
        for street, hard in STREETS.items():
            far, far_e_m = far_base(plain, base, truth[0], hard.extra_km)
            for seed in range(first, last + 1):
                spoiled = spoil(far, azimuth, elevation, truth, seed, hard)
                for method in ("filter", "batch"):
                    s = kinema.solve(spoiled, mode="rtk", method=method, base_position_e_m=far_e_m)
                    line = judged(s.p_e_m, s.status == FixStatus.FIXED, truth)
                    print(f"{name:24}{street:11}{seed:4d} {method:8} {line}", flush=True)
                if "--rtklib" in sys.argv:
                    with tempfile.TemporaryDirectory() as work:
                        found = rtklib(spoiled, np.array(far_e_m), [folder / n for n in navigation], work)
                    print(f"{name:24}{street:11}{seed:4d} {'RTKLIB':8} {judged(*found, truth)}", flush=True)


if __name__ == "__main__":
    main()
