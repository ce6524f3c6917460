"""What may be shown of whom: pseudonyms on boards, and private places left out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kinema.core.frames import geodetic_from_ecef
from kinema.core.solution import Solution
from kinema.core.zone import Zone


def pseudonym(name: str, salt: str) -> str:
    """A name that stands for a person on a board: the same under the same salt, and no way back without it."""
    words = (
        "Heron",
        "Otter",
        "Falcon",
        "Lynx",
        "Marten",
        "Plover",
        "Ibex",
        "Swift",
        "Badger",
        "Kite",
        "Stoat",
        "Tern",
        "Hare",
        "Wren",
        "Pike",
        "Roe",
    )
    digest = hashlib.sha256(f"{salt}\0{name}".encode()).digest()
    return f"{words[digest[0] % len(words)]} {int.from_bytes(digest[1:4], 'big') % 1_000_000:06d}"


def leaderboard(best_s: dict[str, tuple[float, float]], salt: str) -> list[dict[str, Any]]:
    """Ranks by best time, under pseudonyms; times within their joint 95 % are told to be a tie.

    best_s: name → (seconds, standard uncertainty).
    """
    rows: list[dict[str, Any]] = []
    for name, (time_s, sigma_s) in sorted(best_s.items(), key=lambda item: item[1][0]):
        tie = bool(rows) and time_s - rows[-1]["time_s"] < 1.96 * float(np.hypot(sigma_s, rows[-1]["time_sigma_s"]))
        rows.append(
            {
                "rank": len(rows) + 1,
                "name": pseudonym(name, salt),
                "time_s": time_s,
                "time_sigma_s": sigma_s,
                "tie_with_previous": tie,
            }
        )
    return rows


def without_private(solution: Solution, zones: Sequence[Zone], spread_m: float = 150.0, seed: int = 0) -> Solution:
    """The solution without what lies in private zones, and without the way to their edges: each zone is met with an
    offset and a margin of its own, so that the cuts do not tell its centre."""
    if not zones:
        return solution
    lat, lon, _ = geodetic_from_ecef(solution.p_e_m)
    keep = np.ones(len(solution), dtype=np.bool_)
    rng = np.random.default_rng(seed)
    for zone in zones:
        centre = zone.ring_rad.mean(axis=0)
        reach = float(np.hypot(*(zone.ring_rad - centre).T).max() * 6.371e6)
        angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.9) * spread_m
        moved = centre + shift / 6.371e6 * np.array([np.cos(angle), np.sin(angle) / np.cos(centre[0])])
        cover = Zone.circle(
            zone.name, float(moved[0]), float(moved[1]), reach + shift + rng.uniform(0, spread_m), "private"
        )
        keep &= ~(zone.contains(lat, lon) | cover.contains(lat, lon))
    return solution.select(keep & solution.valid)
