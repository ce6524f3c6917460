"""A drawn-up drive with every channel, for tests and benchmarks of the report."""

from __future__ import annotations

import numpy as np

from kinema.core.frames import c_ne, cov_e_from_n, ecef_from_geodetic, ecef_from_ned, geodetic_from_ecef
from kinema.core.solution import Channel, FixStatus, Provenance, Residuals, Solution
from kinema.core.time import gps_ns_from_calendar

HOSTILE = '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">'
SATELLITES = (1, 3, 6, 9, 14, 22, 31, 204, 209, 211, 224, 236, 302, 306, 319, 327, 101, 108)


def drive(
    n: int = 600, dt_s: float = 0.1, *, seed: int = 1, residuals: bool = True, hostile: bool = False
) -> tuple[Solution, Solution]:
    """A solution of n epochs with fixed, float and dead-reckoned stretches and one outage, and its truth."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) * dt_s
    lap = 2 * np.pi / 120 * t
    down = -5 * np.sin(lap)
    east = 300 * np.cos(lap) + 80 * np.cos(2 * lap + 0.4) + 25 * np.sin(5 * lap)
    p_n = np.stack([180 * np.sin(lap) + 60 * np.sin(3 * lap), east, down], axis=1)
    origin = ecef_from_geodetic(np.radians(43.7347), np.radians(7.4206), np.array(50.0))
    truth_e, v_n = ecef_from_ned(p_n, origin), np.gradient(p_n, dt_s, axis=0)
    status = np.where(np.sin(lap / 2 + 1) > 0.7, FixStatus.FLOAT, FixStatus.FIXED).astype(np.uint8)
    status[int(0.55 * n) : int(0.6 * n)] = FixStatus.DEAD_RECKONED
    sigma = np.choose(status, [0, 1.5, 0, 0, 0.35, 0.012]) * (1 + 0.2 * rng.random(n))
    correlated = np.ones(max(3, round(3 / dt_s)))
    noise = np.stack([np.convolve(rng.standard_normal(n), correlated / np.sqrt(correlated.sum()), "same")[:n]
                      for _ in range(3)], axis=1)  # fmt: skip
    p_e = ecef_from_ned(p_n + noise * sigma[:, None] * [1.0, 1.3, 1.8], origin)
    cov_n = np.zeros((n, 3, 3))
    cov_n[:, 0, 0], cov_n[:, 1, 1], cov_n[:, 2, 2] = sigma**2, (1.3 * sigma) ** 2, (1.8 * sigma) ** 2
    cov_e = cov_e_from_n(cov_n, p_e)
    gone = slice(int(0.63 * n), int(0.65 * n))
    p_e[gone], cov_e[gone], status[gone] = np.nan, np.nan, FixStatus.NONE
    lat, lon, _ = geodetic_from_ecef(origin)
    v_e = v_n @ c_ne(lat, lon)
    half = np.arctan2(v_n[:, 1], v_n[:, 0]) / 2
    t_ns = gps_ns_from_calendar(2024, 6, 24, 30_600 * 10**9) + np.round(t * 1e9).astype(np.int64)
    word = HOSTILE if hostile else "engine"
    solution = Solution(
        t_ns, p_e, cov_e, v_e + 0.03 * rng.standard_normal((n, 3)), np.tile(np.eye(3) * 9e-4, (n, 1, 1)),
        np.stack([np.cos(half), np.full(n, 0.01), 0.02 * np.sin(lap), np.sin(half)], axis=1),
        status=status, n_sats=np.where(status > 0, 12, 0),
        channels={word: Channel(3000 + 2500 * np.sin(3 * lap), word if hostile else "1/min", word)},
        residuals=_residuals(t, rng) if residuals else None,
        provenance=Provenance(
            ("monaco.24o", word), word, "rtk", "batch", {word: {"ratio": 2.0}}, seed=7, simulated=True, notes=(word,)
        ),
    )  # fmt: skip
    return solution, Solution(t_ns, truth_e, v_e_mps=v_e)


def _residuals(t_s: np.ndarray, rng: np.random.Generator) -> Residuals:
    n, blocks = len(t_s), []
    for k, sat in enumerate(SATELLITES):
        azimuth, elevation = 6.28 * rng.random() + 3e-4 * t_s, 0.1 + 1.2 * rng.random() + 2e-5 * t_s
        for kind, sigma in enumerate((1.2, 0.08, 0.004)):
            reason = np.where(rng.random(n) < 0.02, 5, np.where(rng.random(n) < 0.01, 7, 0))
            value = sigma * rng.standard_normal(n) * np.where(reason == 5, 8, 1)
            cn0 = 30 + 18 * np.sin(elevation) + 0.7 * rng.standard_normal(n)
            blocks.append(np.stack([np.arange(n), np.full(n, sat), np.full(n, kind), np.full(n, k % 2), value,
                                    np.full(n, sigma), reason, azimuth, elevation, cn0]))  # fmt: skip
    table = np.concatenate(blocks, axis=1)
    table = table[:, np.argsort(table[0], kind="stable")]
    whole = [column.astype(np.int64) for column in table]
    return Residuals(whole[0], whole[1], whole[2], whole[3], table[4], table[5], whole[6], table[7], table[8], table[9],
                     signals=("1C", "2W"))  # fmt: skip
