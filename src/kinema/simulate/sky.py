"""The sky over one drive: satellites as they truly are, and what their messages and the atmosphere keep from us.

All receivers of one drive share one Sky, so a base and a rover see the same errors of satellites and
atmosphere, but for what changes over the distance between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64, I16
from kinema.core.ephemeris import BroadcastEphemerides
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.satellites import sat_system
from kinema.simulate.constellation import KLOBUCHAR
from kinema.simulate.noise import gauss_markov
from kinema.simulate.orbits import C_MPS, Orbit, orbits_at

OMEGA_E_RADPS = 7.2921151467e-5
_TABLE_S = 30.0


@dataclass(frozen=True)
class ErrorBudget:
    """How far messages and models are from the truth: standard deviations in metres, and correlation times.

    Orbit errors (radial, along, across) and clock errors are per system; the ionosphere is the broadcast model times a
    factor of spread `iono_scale`, plus a residual per satellite, mapped from the zenith, with a gradient over distance.
    """

    orbit_m: tuple[float, float, float] = (0.15, 0.5, 0.4)
    clock_m: float = 0.35
    system_factor: tuple[tuple[str, float], ...] = (("G", 1.0), ("E", 0.5), ("C", 1.2), ("J", 1.5), ("R", 3.0))
    orbit_tau_s: float = 7200.0
    iono_scale: float = 0.2
    iono_residual_m: float = 0.35
    iono_tau_s: float = 900.0
    iono_gradient_m_per_km: float = 0.001
    zenith_wet_m: float = 0.04
    code_bias_m: float = 0.15


NO_ERRORS = ErrorBudget(
    orbit_m=(0.0, 0.0, 0.0), clock_m=0.0, iono_scale=0.0, iono_residual_m=0.0, iono_gradient_m_per_km=0.0,
    zenith_wet_m=0.0, code_bias_m=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """The sky from n places: (n, s) azimuth_rad, elevation_rad, range_m (Sagnac included), rate_mps, clock_m and
    clock_mps of the satellite (added to its range with a minus), iono_l1_m, tropo_m; p_sat_e_m (n, s, 3)."""

    azimuth_rad: F64
    elevation_rad: F64
    range_m: F64
    rate_mps: F64
    clock_m: F64
    clock_mps: F64
    iono_l1_m: F64
    tropo_m: F64


@dataclass(frozen=True)
class Sky:
    """Satellites and their errors. Error tables are every 30 s from `t0_s` (k rows)."""

    ephemerides: BroadcastEphemerides
    orbits: dict[int, Orbit]
    sats: I16
    t0_s: float
    orbit_error_m: F64
    """(k, s, 3) radial, along, across."""
    clock_error_m: F64
    iono_residual_m: F64
    iono_gradient: F64
    """(s, 2) metres per metre north and east of `origin_e_m`."""
    origin_e_m: F64
    iono_factor: float
    zenith_wet_m: float
    code_bias_m: F64
    """(s, 3) unknown bias of each satellite's signals, slot by slot."""
    klobuchar: tuple[float, ...]

    def _at(self, table: F64, t_s: F64, column: int) -> F64:
        k = np.arange(len(table)) * _TABLE_S + self.t0_s
        if table.ndim == 2:
            return np.interp(t_s, k, table[:, column])
        return np.stack([np.interp(t_s, k, table[:, column, axis]) for axis in range(table.shape[2])], axis=-1)

    def view(self, t_s: F64, p_e_m: F64, v_e_mps: F64) -> View:
        """The sky at true GPS seconds t_s (n,) from ECEF places p_e_m moving at v_e_mps (n, 3)."""
        n, s = len(t_s), len(self.sats)
        lat, lon, h = geodetic_from_ecef(p_e_m)
        to_n = c_ne(lat, lon)
        out = {name: np.empty((n, s)) for name in View.__dataclass_fields__}
        dry_m = saastamoinen_zenith_m(lat, h)
        away_n = (p_e_m - self.origin_e_m) @ c_ne(*geodetic_from_ecef(self.origin_e_m)[:2]).T
        for j, sat in enumerate(self.sats.tolist()):
            line, rho, rate, clock, drift = self._geometry(j, sat, t_s, p_e_m, v_e_mps)
            los_n = np.einsum("nij,nj->ni", to_n, line)
            elevation = np.arcsin(np.clip(-los_n[:, 2], -1, 1))
            azimuth = np.arctan2(los_n[:, 1], los_n[:, 0]) % (2 * np.pi)
            model, mapping = klobuchar_m(self.klobuchar, lat, lon, azimuth, elevation, t_s)
            local = self._at(self.iono_residual_m, t_s, j) + away_n[:, :2] @ self.iono_gradient[j]
            above = np.maximum(elevation, 0.02)
            out["azimuth_rad"][:, j], out["elevation_rad"][:, j] = azimuth, elevation
            out["range_m"][:, j], out["rate_mps"][:, j] = rho, rate
            out["clock_m"][:, j], out["clock_mps"][:, j] = clock, drift
            out["iono_l1_m"][:, j] = self.iono_factor * model + mapping * local
            out["tropo_m"][:, j] = dry_m / np.sin(above) + self.zenith_wet_m * wet_mapping(above)
        return View(**out)

    def _geometry(self, j: int, sat: int, t_s: F64, p_e_m: F64, v_e_mps: F64) -> tuple[F64, F64, F64, F64, F64]:
        """Line of sight, range, range rate, clock in m and its rate in m/s of one satellite."""
        orbit = self.orbits[sat]
        flight = np.full(len(t_s), 0.075)
        for _ in range(3):
            p_sat = _turned(orbit.place(t_s - flight), flight)
            flight = np.linalg.norm(p_sat - p_e_m, axis=1) / C_MPS
        p_sat, v_sat, clock, drift = orbit.state(t_s - flight)
        p_sat = p_sat + np.einsum("nij,nj->ni", _rac(p_sat, v_sat), self._at(self.orbit_error_m, t_s, j))
        p_turned, v_turned = _turned(p_sat, flight), _turned(v_sat, flight)
        line = p_turned - p_e_m
        rho = np.linalg.norm(line, axis=1)
        line = line / rho[:, None]
        # While the signal flies the Earth turns: the rotated satellite moves by −ω × p per second of flight time.
        swing = np.stack([p_turned[:, 1], -p_turned[:, 0], np.zeros(len(t_s))], axis=1) * OMEGA_E_RADPS
        rate = np.einsum("ni,ni->n", line, v_turned - v_e_mps)
        for _ in range(2):
            longer = (rate / C_MPS)[:, None]
            rate = np.einsum("ni,ni->n", line, v_turned * (1 - longer) + swing * longer - v_e_mps)
        return line, rho, rate, C_MPS * clock + self._at(self.clock_error_m, t_s, j), C_MPS * drift


def make_sky(
    ephemerides: BroadcastEphemerides,
    *,
    seed: int,
    t0_ns: int,
    duration_s: float,
    origin_e_m: F64,
    systems: str,
    errors: ErrorBudget | None = None,
    lowest_rad: float = 0.05,
) -> Sky:
    """The sky over a place for a while: satellites that rise above `lowest_rad` at some time, errors by `seed`."""
    errors = errors or ErrorBudget()
    rng = np.random.default_rng([seed, 0x5C])
    t0_s = t0_ns * 1e-9
    orbits = orbits_at(ephemerides, t0_ns + int(duration_s * 5e8), systems)
    # Random numbers are drawn for every satellite, seen or not, so that a place does not change its neighbours' errors.
    sats = np.array(sorted(orbits), dtype=np.int16)
    k, s = int(duration_s / _TABLE_S) + 3, len(sats)
    factor = np.array([dict(errors.system_factor).get(sat_system(int(sat)), 1.0) for sat in sats])
    slow = np.full(k, _TABLE_S / errors.orbit_tau_s)
    orbit = gauss_markov(rng, slow, 3 * s).reshape(k, s, 3) * errors.orbit_m * factor[:, None]
    clock = gauss_markov(rng, slow, s) * errors.clock_m * factor
    iono = gauss_markov(rng, np.full(k, _TABLE_S / errors.iono_tau_s), s) * errors.iono_residual_m
    gradient = rng.standard_normal((s, 2)) * errors.iono_gradient_m_per_km / 1000
    bias = rng.standard_normal((s, 3)) * errors.code_bias_m
    iono_factor = float(np.clip(rng.normal(1.0, errors.iono_scale), 0.3, 1.9)) if errors.iono_scale else 1.0
    zenith_wet = float(rng.normal(0.0, errors.zenith_wet_m)) if errors.zenith_wet_m else 0.0
    up = _up(orbits, sats, t0_s, duration_s, origin_e_m, lowest_rad)
    coefficients = {**KLOBUCHAR, **ephemerides.ionosphere}
    return Sky(
        ephemerides=ephemerides,
        orbits=orbits,
        sats=sats[up],
        t0_s=t0_s,
        orbit_error_m=orbit[:, up],
        clock_error_m=clock[:, up],
        iono_residual_m=iono[:, up],
        iono_gradient=gradient[up],
        origin_e_m=np.asarray(origin_e_m, dtype=np.float64),
        iono_factor=iono_factor,
        zenith_wet_m=zenith_wet,
        code_bias_m=bias[up],
        klobuchar=(*coefficients["GPSA"], *coefficients["GPSB"]),
    )


def _up(orbits: dict[int, Orbit], sats: I16, t0_s: float, duration_s: float, origin: F64, lowest: float) -> F64:
    lat, lon, _ = geodetic_from_ecef(origin)
    up_e = -c_ne(lat, lon)[2]
    t = t0_s + np.linspace(0, duration_s, max(2, int(duration_s / 300) + 2))
    keep = []
    for sat in sats.tolist():
        line = orbits[sat].place(t) - origin
        keep.append(bool((line @ up_e / np.linalg.norm(line, axis=1)).max() > np.sin(lowest)))
    return np.array(keep, dtype=np.bool_)


def _turned(p_e: F64, flight_s: F64) -> F64:
    """From the ECEF of transmission to that of reception, flight_s (n,) later."""
    angle = OMEGA_E_RADPS * flight_s
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * p_e[:, 0] + s * p_e[:, 1], -s * p_e[:, 0] + c * p_e[:, 1], p_e[:, 2]], axis=1)


def _rac(p: F64, v_e: F64) -> F64:
    """Columns radial, along, across (n, 3, 3) in ECEF."""
    v = v_e + np.cross([0.0, 0.0, OMEGA_E_RADPS], p)
    radial = p / np.linalg.norm(p, axis=1, keepdims=True)
    across = np.cross(p, v)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.stack([radial, np.cross(across, radial), across], axis=-1)


def klobuchar_m(
    coefficients: tuple[float, ...], lat: F64, lon: F64, azimuth: F64, elevation: F64, t_s: F64
) -> tuple[F64, F64]:
    """Klobuchar's delay on L1 in metres and its mapping of the zenith delay (IS-GPS-200 20.3.3.5.2.5)."""
    half = elevation / np.pi
    psi = 0.0137 / (half + 0.11) - 0.022
    phi = np.clip(lat / np.pi + psi * np.cos(azimuth), -0.416, 0.416)
    lam = lon / np.pi + psi * np.sin(azimuth) / np.cos(phi * np.pi)
    magnetic = phi + 0.064 * np.cos((lam - 1.617) * np.pi)
    local = (43_200 * lam + t_s) % 86_400
    powers = magnetic[..., None] ** np.arange(4)
    amplitude = np.maximum(powers @ np.asarray(coefficients[:4]), 0.0)
    period = np.maximum(powers @ np.asarray(coefficients[4:8]), 72_000.0)
    mapping = 1 + 16 * (0.53 - half) ** 3
    x = 2 * np.pi * (local - 50_400) / period
    day = np.where(np.abs(x) < 1.57, amplitude * (1 - x**2 / 2 + x**4 / 24), 0.0)
    return C_MPS * mapping * (5e-9 + day), mapping


def saastamoinen_zenith_m(lat_rad: F64, h_m: F64, humidity: float = 0.5) -> F64:
    """Zenith delay in a standard atmosphere, 15 °C at sea level (Saastamoinen 1972)."""
    h = np.clip(h_m, 0.0, 10_000.0)
    pressure = 1013.25 * (1 - 2.2557e-5 * h) ** 5.2568
    kelvin = 288.15 - 6.5e-3 * h
    vapour = 6.108 * humidity * np.exp((17.15 * kelvin - 4684.0) / (kelvin - 38.45))
    dry = 0.0022768 * pressure / (1 - 0.00266 * np.cos(2 * lat_rad) - 0.00028e-3 * h)
    return np.asarray(dry + 0.002277 * (1255.0 / kelvin + 0.05) * vapour)


def wet_mapping(elevation: F64) -> F64:
    """Wet mapping by a continued fraction of mid-latitude coefficients (Niell 1996)."""
    a, b, c = 5.8e-4, 1.5e-3, 4.5e-2
    s = np.sin(elevation)
    top = 1 + a / (1 + b / (1 + c))
    return np.asarray(top / (s + a / (s + b / (s + c))))
