"""Satellite positions and clocks from broadcast messages, for making observations.

Written apart from the estimator's kernels on purpose: a mistake in one shows against the other. Source of the
formulas: IS-GPS-200 20.3.3, Galileo OS SIS ICD 5.1.1, BDS-SIS-ICD B1I 5.2.4, GLONASS ICD 5.1 A.3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.satellites import sat_system
from kinema.core.time import NS, WEEK_S

MU = {"G": 3.986005e14, "J": 3.986005e14, "E": 3.986004418e14, "C": 3.986004418e14}
OMEGA_E = {"G": 7.2921151467e-5, "J": 7.2921151467e-5, "E": 7.2921151467e-5, "C": 7.2921150e-5}
C_MPS = 299_792_458.0
_K = {name: k for k, name in enumerate(KEPLER_COLUMNS)}
_G = {name: k for k, name in enumerate(GLONASS_COLUMNS)}
_GLONASS_STEP_S = 30.0
_GLONASS_BLOCK_S = 1800.0
_FDMA = MESSAGES.index("FDMA")


@dataclass(frozen=True)
class Orbit:
    """One satellite's message carried over time."""

    sat: int
    row: F64
    glonass: bool
    geostationary: bool = False

    def state(self, t_s: F64) -> tuple[F64, F64, F64, F64]:
        """At GPS seconds t_s (…): position, velocity (…, 3) in the ECEF of that instant, clock in s, its rate."""
        if self.glonass:
            p, v, clock = self._glonass_state(t_s)
            return p, v, clock, np.full(clock.shape, self.row[_G["gamma_n"]])
        h = 0.25
        p, clock = self._kepler(t_s)
        ahead, clock_ahead = self._kepler(t_s + h)
        behind, clock_behind = self._kepler(t_s - h)
        return p, (ahead - behind) / (2 * h), clock, (clock_ahead - clock_behind) / (2 * h)

    def place(self, t_s: F64) -> F64:
        """Position only (…, 3)."""
        return self._glonass_state(t_s)[0] if self.glonass else self._kepler(t_s)[0]

    def _kepler(self, t_s: F64) -> tuple[F64, F64]:
        k = dict(zip(KEPLER_COLUMNS, np.nan_to_num(self.row).tolist(), strict=True))
        system = sat_system(self.sat)
        mu, omega_e = MU[system], OMEGA_E[system]
        tk = np.asarray(t_s) - k["toe_s"]
        a0 = k["sqrt_a_sqrtm"] ** 2
        a = a0 + k["a_dot_mps"] * tk
        n = np.sqrt(mu / a0**3) + k["delta_n_radps"] + 0.5 * k["delta_n_dot_radps2"] * tk
        mean, e = k["m0_rad"] + n * tk, k["e"]
        ecc = mean + e * np.sin(mean)
        for _ in range(6):
            ecc = ecc - (ecc - e * np.sin(ecc) - mean) / (1 - e * np.cos(ecc))
        phi = np.arctan2(np.sqrt(1 - e * e) * np.sin(ecc), np.cos(ecc) - e) + k["omega_rad"]
        s2, c2 = np.sin(2 * phi), np.cos(2 * phi)
        u = phi + k["cus_rad"] * s2 + k["cuc_rad"] * c2
        r = a * (1 - e * np.cos(ecc)) + k["crs_m"] * s2 + k["crc_m"] * c2
        i = k["i0_rad"] + k["idot_radps"] * tk + k["cis_rad"] * s2 + k["cic_rad"] * c2
        # Reference of the node is the start of the week of the system's own time (BeiDou: GPS − 14 s).
        toe_sow = (k["toe_s"] - (14.0 if system == "C" else 0.0)) % WEEK_S
        spin = 0.0 if self.geostationary else omega_e
        node = k["omega0_rad"] + (k["omega_dot_radps"] - spin) * tk - omega_e * toe_sow
        x, y = r * np.cos(u), r * np.sin(u)
        flat = y * np.cos(i)
        east, north = x * np.cos(node) - flat * np.sin(node), x * np.sin(node) + flat * np.cos(node)
        p = np.stack([east, north, y * np.sin(i)], axis=-1)
        if self.geostationary:
            p = _from_geo_plane(p, omega_e * tk)
        dt = np.asarray(t_s) - k["toc_s"]
        relativity = -2 * np.sqrt(mu * a0) / C_MPS**2 * e * np.sin(ecc)
        return p, k["af0_s"] + k["af1_sps"] * dt + k["af2_sps2"] * dt * dt + relativity

    def _glonass_state(self, t_s: F64) -> tuple[F64, F64, F64]:
        h = _GLONASS_STEP_S
        t = np.asarray(t_s, dtype=np.float64)
        reach = int(np.abs(t - self.row[0]).max(initial=0.0) // _GLONASS_BLOCK_S) + 1
        times, states = _glonass_table(tuple(self.row.tolist()), reach)
        k = np.clip(((t - times[0]) // h).astype(np.int64), 0, len(times) - 2)
        u = ((t - times[k]) / h)[..., None]
        p0, v0, p1, v1 = states[k, :3], states[k, 3:] * h, states[k + 1, :3], states[k + 1, 3:] * h
        d = p1 - p0
        a, b = v0 + v1 - 2 * d, 3 * d - 2 * v0 - v1
        p = p0 + u * (v0 + u * (b + u * a))
        v = (v0 + u * (2 * b + u * 3 * a)) / h
        clock = -self.row[_G["tau_n_s"]] + self.row[_G["gamma_n"]] * (t - self.row[0])
        return p, v, clock


def _from_geo_plane(p: F64, angle: F64) -> F64:
    """BeiDou GEO: from the plane tilted by −5° about x, then about z by the Earth's turn."""
    tilt = np.radians(-5.0)
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    y, z = y * np.cos(tilt) + z * np.sin(tilt), -y * np.sin(tilt) + z * np.cos(tilt)
    return np.stack([x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle), z], axis=-1)


@lru_cache(maxsize=256)
def _glonass_table(row: tuple[float, ...], reach: int) -> tuple[F64, F64]:
    """Times (k,) and states (k, 6) every 30 s over `reach` half hours either side of the message (Runge–Kutta)."""
    start, accel = row[3:9], row[9:12]
    steps = round(reach * _GLONASS_BLOCK_S / _GLONASS_STEP_S) + 1
    forward, backward = [start], [start]
    for _ in range(steps):
        forward.append(_rk4(forward[-1], accel, _GLONASS_STEP_S))
        backward.append(_rk4(backward[-1], accel, -_GLONASS_STEP_S))
    times = np.asarray(row[0] + np.arange(-steps, steps + 1) * _GLONASS_STEP_S, dtype=np.float64)
    return times, np.asarray(backward[:0:-1] + forward, dtype=np.float64)


State = tuple[float, ...]


def _rk4(state: State, accel: State, h: float) -> State:
    k1 = _glonass_rate(state, accel)
    k2 = _glonass_rate(_plus(state, h / 2, k1), accel)
    k3 = _glonass_rate(_plus(state, h / 2, k2), accel)
    k4 = _glonass_rate(_plus(state, h, k3), accel)
    return tuple(x + h / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True))


def _plus(state: State, h: float, rate: State) -> State:
    return tuple(x + h * v for x, v in zip(state, rate, strict=True))


def _glonass_rate(state: State, accel: State) -> State:
    # Plain floats: six numbers at a time, arrays would cost ten times as much.
    x, y, z, vx, vy, vz = state
    r2 = x * x + y * y + z * z
    mu, j2, re, w = 3.986004418e14, 1.0826257e-3, 6_378_136.0, 7.292115e-5
    base = -mu / r2**1.5
    bulge, zr = 1.5 * j2 * base * re * re / r2, 5 * z * z / r2
    flat = base + bulge * (1 - zr) + w * w
    return (
        vx,
        vy,
        vz,
        flat * x + 2 * w * vy + accel[0],
        flat * y - 2 * w * vx + accel[1],
        (base + bulge * (3 - zr)) * z + accel[2],
    )


def orbits_at(ephemerides: BroadcastEphemerides, t_ns: int, systems: str) -> dict[int, Orbit]:
    """Of each healthy satellite of `systems` the message whose reference time is closest to t_ns."""
    best: dict[int, tuple[int, Orbit]] = {}
    for k in range(len(ephemerides.sat)):
        sat = int(ephemerides.sat[k])
        away = abs(int(ephemerides.toe_ns[k]) - t_ns)
        if sat_system(sat) not in systems or ephemerides.health[k] or (sat in best and best[sat][0] <= away):
            continue
        row = int(ephemerides.row[k])
        if int(ephemerides.message[k]) == _FDMA:
            best[sat] = (away, Orbit(sat, ephemerides.glonass[row], glonass=True))
        else:
            kepler = ephemerides.kepler[row]
            geo = sat_system(sat) == "C" and abs(kepler[_K["i0_rad"]]) < 0.17 and kepler[_K["sqrt_a_sqrtm"]] > 6000
            best[sat] = (away, Orbit(sat, kepler, glonass=False, geostationary=bool(geo)))
    return {sat: orbit for sat, (_, orbit) in sorted(best.items())}


def gps_seconds(t_ns: I64) -> F64:
    """GPS seconds as float64 of ns times: to 0.1 µs, in which a range changes by less than 0.1 mm."""
    t = np.asarray(t_ns)
    return np.asarray(t // NS + (t % NS) * 1e-9)
