"""Made-up but realistic broadcast messages of GPS, Galileo, BeiDou, QZSS and GLONASS.

Nominal planes and slots with scattered elements; consecutive messages of a satellite describe one continuous orbit.
Messages: GPS and QZSS LNAV, Galileo I/NAV, BeiDou D1, GLONASS FDMA; every two hours (GLONASS half an hour).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64
from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import SYSTEMS
from kinema.core.time import NS, WEEK_S
from kinema.simulate.orbits import MU, OMEGA_E, Orbit

_K = {name: k for k, name in enumerate(KEPLER_COLUMNS)}


@dataclass(frozen=True)
class Plan:
    """A constellation as planned: planes, slots per plane, semi-major axis, inclination, phase step between planes."""

    message: str
    planes: int
    slots: int
    a_m: float
    inclination_deg: float
    eccentricity: float
    phase_deg: float
    first: int = 1


PLANS: dict[str, tuple[Plan, ...]] = {
    "G": (Plan("LNAV", 6, 5, 26_559_800.0, 55.0, 0.012, 30.0),),
    "E": (Plan("INAV", 3, 8, 29_600_318.0, 56.0, 0.0004, 15.0),),
    "C": (
        Plan("D1", 3, 8, 27_906_100.0, 55.0, 0.0010, 15.0, 19),
        Plan("D1", 3, 1, 42_164_200.0, 55.0, 0.0030, 120.0, 6),
    ),
    "J": (Plan("LNAV", 4, 1, 42_164_200.0, 41.0, 0.0750, 90.0, 2),),
    "R": (Plan("FDMA", 3, 8, 25_508_200.0, 64.8, 0.0010, 15.0),),
}
KLOBUCHAR = {
    "GPSA": (1.2107e-8, 1.4901e-8, -5.9605e-8, -1.1921e-7),
    "GPSB": (9.6256e4, 8.1920e4, -1.9661e5, -3.9322e5),
}
GALILEO_IONO = (82.5, 0.31, 0.006)
URA_M = {"G": 2.0, "E": 3.12, "C": 2.0, "J": 2.8}


def synthetic_broadcast(rng: np.random.Generator, t_ns: int, hours: float, systems: str) -> BroadcastEphemerides:
    """Messages whose validity covers t_ns to t_ns + hours."""
    start_s = t_ns // NS
    rows: list[tuple[int, str, int, F64]] = []
    for system in systems:
        for plan in PLANS.get(system, ()):
            for k in range(plan.planes * plan.slots):
                sat = 100 * SYSTEMS.index(system) + plan.first + k
                make = _glonass_messages if system == "R" else _kepler_messages
                rows += make(rng, sat, system, plan, k, start_s, hours)
    rows.sort(key=lambda row: (row[0], row[2]))
    kepler = [row[3] for row in rows if row[1] != "FDMA"]
    glonass = [row[3] for row in rows if row[1] == "FDMA"]
    where = {"FDMA": 0, "": 0}
    index = []
    for row in rows:
        key = "FDMA" if row[1] == "FDMA" else ""
        index.append(where[key])
        where[key] += 1
    toe_ns = np.array([row[2] for row in rows], dtype=np.int64) * NS
    ionosphere: dict[str, tuple[float, ...]] = dict(KLOBUCHAR)
    if "E" in systems:
        ionosphere["GAL"] = GALILEO_IONO
    if "C" in systems:
        ionosphere |= {"BDSA": KLOBUCHAR["GPSA"], "BDSB": KLOBUCHAR["GPSB"]}
    return BroadcastEphemerides(
        sat=np.array([row[0] for row in rows], dtype=np.int16),
        message=np.array([MESSAGES.index(row[1]) for row in rows], dtype=np.uint8),
        toe_ns=toe_ns,
        sent_ns=toe_ns - 7200 * NS,
        health=np.zeros(len(rows), dtype=np.int64),
        row=np.array(index, dtype=np.int64),
        kepler=np.array(kepler).reshape(-1, len(KEPLER_COLUMNS)),
        glonass=np.array(glonass).reshape(-1, len(GLONASS_COLUMNS)),
        ionosphere=ionosphere,
        leap_s=18,
    )


def _issue(toe_s: int) -> int:
    return (toe_s // 720) % 240


def _kepler_messages(
    rng: np.random.Generator, sat: int, system: str, plan: Plan, k: int, start_s: int, hours: float
) -> list[tuple[int, str, int, F64]]:
    plane, slot = divmod(k, plan.slots)
    geosynchronous = plan.a_m > 4e7
    base = start_s // 7200 * 7200
    row = np.full(len(KEPLER_COLUMNS), np.nan)
    first = dict.fromkeys(KEPLER_COLUMNS[:22], 0.0)
    first |= {
        "sqrt_a_sqrtm": float(np.sqrt(plan.a_m + rng.normal(0, 300.0))),
        "e": abs(plan.eccentricity * rng.uniform(0.3, 1.5)) if not geosynchronous else plan.eccentricity,
        "i0_rad": np.radians(plan.inclination_deg + rng.normal(0, 0.5)),
        "omega0_rad": np.radians(360.0 * plane / plan.planes + rng.normal(0, 1.5)),
        "omega_rad": rng.uniform(-np.pi, np.pi),
        "delta_n_radps": 4.5e-9 * rng.uniform(0.8, 1.2),
        "idot_radps": rng.normal(0, 2e-10),
        "omega_dot_radps": -8.0e-9 * rng.uniform(0.9, 1.1) * (0.3 if geosynchronous else 1.0),
        "cuc_rad": rng.normal(0, 3e-6), "cus_rad": rng.normal(0, 6e-6),
        "crc_m": 220 + rng.normal(0, 60), "crs_m": rng.normal(0, 60),
        "cic_rad": rng.normal(0, 1e-7), "cis_rad": rng.normal(0, 1e-7),
    }  # fmt: skip
    argument = np.radians(360.0 * slot / plan.slots + plan.phase_deg * plane + rng.normal(0, 3.0))
    first["m0_rad"] = float(argument - first["omega_rad"])
    if geosynchronous:
        _over_longitude(first, system, plane, base, rng)
    clock = rng.normal(0, 2e-4), rng.normal(0, 4e-12)
    bias = rng.normal(0, 4e-9)
    first |= {"ura_m": URA_M[system], "fit_s": 14400.0}
    first |= _biases(system, bias, rng)
    messages = []
    n0 = np.sqrt(MU[system] / first["sqrt_a_sqrtm"] ** 6) + first["delta_n_radps"]
    for toe in range(base - 7200, int(start_s + hours * 3600) + 7200 + 1, 7200):
        ahead = toe - base
        gps_toe = toe + (14 if system == "C" else 0)
        values = dict(first)
        values["toe_s"] = values["toc_s"] = float(gps_toe)
        values["m0_rad"] = _wrap(first["m0_rad"] + n0 * ahead)
        values["omega0_rad"] = _wrap(
            first["omega0_rad"] + first["omega_dot_radps"] * ahead + _week_turn(system, base, toe)
        )
        values["i0_rad"] = first["i0_rad"] + first["idot_radps"] * ahead
        values["af0_s"], values["af1_sps"] = clock[0] + clock[1] * ahead, clock[1]
        values["iode"] = values["iodc"] = float(_issue(toe))
        message = row.copy()
        for name, value in values.items():
            message[_K[name]] = value
        messages.append((sat, plan.message, gps_toe, message))
    return messages


def _week_turn(system: str, base: int, toe: int) -> float:
    """The node is counted from the start of the message's own week: the Earth's turn between two weeks' starts."""
    return OMEGA_E[system] * ((toe % WEEK_S) - (base % WEEK_S) - (toe - base))


def _wrap(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _biases(system: str, bias_s: float, rng: np.random.Generator) -> dict[str, float]:
    if system == "E":
        return {"tgd1_s": bias_s, "tgd2_s": bias_s * 1.1 + rng.normal(0, 2e-10)}
    if system == "C":
        return {"tgd1_s": bias_s, "tgd2_s": rng.normal(0, 3e-9)}
    return {"tgd1_s": bias_s}


def _over_longitude(first: dict[str, float], system: str, plane: int, base: int, rng: np.random.Generator) -> None:
    """Turn an inclined geosynchronous orbit so that its ground track stands over Asia (QZSS 135°, BeiDou 115° east)."""
    if system == "J":
        first["omega_rad"] = np.radians(270.0)
    phase = 2 * np.pi * plane / (4 if system == "J" else 3) + base * OMEGA_E[system]
    longitude = np.radians(135.0 if system == "J" else 115.0)
    first["m0_rad"] = _wrap(phase - first["omega_rad"])
    # Longitude of the node at toe is Ω0 − ωe·toe_sow; argument of latitude and longitude turn at the same rate.
    first["omega0_rad"] = _wrap(longitude - phase + OMEGA_E[system] * (base % WEEK_S))
    first["sqrt_a_sqrtm"] = float(np.sqrt(42_164_170.0 + rng.normal(0, 30.0)))
    first["delta_n_radps"] = 0.0


def _glonass_messages(
    rng: np.random.Generator, sat: int, system: str, plan: Plan, k: int, start_s: int, hours: float
) -> list[tuple[int, str, int, F64]]:
    """States every half hour, all on one orbit of the ICD's own model."""
    plane, slot = divmod(k, plan.slots)
    base = start_s // 1800 * 1800
    u = np.radians(45.0 * slot + 15.0 * plane + rng.normal(0, 2.0)) + 2 * np.pi * (base % 40_544) / 40_544
    node = np.radians(120.0 * plane) + rng.normal(0, 0.02) - 7.292115e-5 * (base % 86_164)
    i = np.radians(plan.inclination_deg) + rng.normal(0, 0.005)
    c, s = np.cos, np.sin
    along = np.array([c(u) * c(node) - s(u) * c(i) * s(node), c(u) * s(node) + s(u) * c(i) * c(node), s(u) * s(i)])
    ahead = np.array([-s(u) * c(node) - c(u) * c(i) * s(node), -s(u) * s(node) + c(u) * c(i) * c(node), c(u) * s(i)])
    speed = np.sqrt(3.986004418e14 / plan.a_m)
    p = plan.a_m * along
    v = speed * ahead - np.cross([0, 0, 7.292115e-5], p)
    tau, gamma = rng.normal(0, 5e-5), rng.normal(0, 1e-12)
    leap = 18
    first = np.array([float(base + leap), tau, gamma, *p, *v, 0.0, 0.0, 0.0, float((k * 3) % 14 - 7), 0.0, 0.0])
    anchor = Orbit(sat, first, glonass=True)
    messages = []
    for tb in range(base - 1800, int(start_s + hours * 3600) + 1800 + 1, 1800):
        toe = tb + leap
        position, velocity, clock, _ = anchor.state(np.array([float(toe)]))
        row = first.copy()
        row[0], row[1] = toe, -clock[0]
        row[3:6], row[6:9] = position[0], velocity[0]
        messages.append((sat, plan.message, toe, row))
    return messages
