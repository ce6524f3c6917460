"""`kinema.simulate`: one call from a seed to a drive with its truth and its raw data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.recording import Mount, Recording
from kinema.core.solution import Solution
from kinema.core.time import NS, WEEK_NS
from kinema.errors import ConfigError
from kinema.simulate.circuits import COURSES, Circuit, circuit
from kinema.simulate.constellation import PLANS, synthetic_broadcast
from kinema.simulate.environment import along_circuit, open_sky
from kinema.simulate.inertial import imu_of, wheels_of
from kinema.simulate.receiver import ReceiverOptions, ReceiverTruth, receive
from kinema.simulate.ride import Ride
from kinema.simulate.sky import ErrorBudget, Sky, View, make_sky
from kinema.simulate.vehicle import Limits, Motion, drive_around

GPS_WEEK = 2372
ANTENNA_B_M = (0.6, 0.0, -1.4)
"""The antenna on the roof: forward, right, down of the body origin (middle of the rear axle, on the road)."""

IMU_B_M = (1.3, 0.0, -0.4)


@dataclass(frozen=True)
class SimulatedDrive:
    """A drive: `recording` has streams "gnss", "ephemerides", "truth" and, if asked for, "base", "imu", "wheels".

    `truth` is the antenna's exact trajectory at the observation tags; `motion` the body's, at any time and point;
    `sky` serves further receivers; `known` what only a simulator knows of each observation.
    """

    recording: Recording
    truth: Solution
    motion: Motion
    sky: Sky
    known: ReceiverTruth
    course: Circuit
    seed: int

    def save(self, folder: str | Path) -> Path:
        """Write it as files that any program reads: RINEX observations and navigation, truth, kinema.toml."""
        from kinema.simulate.folder import save_drive

        return save_drive(self, Path(folder))


def simulate(
    course: str = "monaco",
    seed: int = 1,
    *,
    laps: float = 1.0,
    duration_s: float | None = None,
    rate_hz: float = 5.0,
    systems: str = "GREC",
    frequencies: int = 2,
    base_km: float | None = None,
    limits: Limits | None = None,
    stops: tuple[tuple[float, float], ...] = (),
    blockage: bool = True,
    receiver: ReceiverOptions | None = None,
    errors: ErrorBudget | None = None,
    imu: str | None = None,
    wheels: bool = False,
    ride: bool = False,
) -> SimulatedDrive:
    """Simulate a car on a course ("monaco", "suzuka", "shanghai", "grid", "open").

    The same arguments give the same drive. `base_km` adds a static base station that far north-east; `blockage=False`
    takes houses and tunnels away; `receiver` and `errors` set the noise. `imu` adds an IMU of that grade ("consumer",
    "industrial", "tactical") at 100 Hz, `wheels` the rear axle's speed; `ride` lets the car ride as real ones do, on
    springs, tyres and a rough road that shakes the IMU (kinema.simulate.ride), else it is on rails. Raises ConfigError.
    """
    _check(course, laps, rate_hz, systems, frequencies)
    from dataclasses import replace

    options = replace(receiver or ReceiverOptions(), rate_hz=rate_hz, frequencies=frequencies)
    rng = np.random.default_rng([seed, 0xD1])
    t0_ns = GPS_WEEK * WEEK_NS + int(rng.integers(8, 160)) * 3600 * NS + int(rng.integers(0, 3600)) * NS
    where = circuit(course, seed)
    motion = drive_around(
        where, t0_ns=t0_ns, laps=laps, limits=limits, stops=stops, duration_s=duration_s,
        ride=Ride.drawn(seed) if ride else None,
    )  # fmt: skip
    broadcast = synthetic_broadcast(rng, t0_ns, motion.duration_s / 3600, systems)
    sky = make_sky(
        broadcast, seed=seed, t0_ns=t0_ns, duration_s=motion.duration_s, origin_e_m=motion.origin_e_m,
        systems=systems, errors=errors,
    )  # fmt: skip
    t_ns = motion.times(rate_hz)
    between = partial(_between, where if blockage else None)
    gnss, known = receive(sky, t_ns, partial(_antenna_place, motion), between, options, (seed, 1), f"{course} rover")
    truth = motion.truth(t_ns, ANTENNA_B_M, "antenna", seed)
    streams: dict[str, Any] = {"gnss": gnss, "ephemerides": broadcast, "truth": truth}
    if base_km is not None:
        streams["base"] = base_station(sky, motion, t_ns, base_km, options, seed)[0]
    mounts = {"gnss": Mount(p_b_m=ANTENNA_B_M)}
    if imu is not None:
        streams["imu"] = imu_of(motion, grade=imu, seed=seed, point_b_m=IMU_B_M)[0]
        mounts["imu"] = Mount(p_b_m=IMU_B_M)
    if wheels:
        streams["wheels"] = wheels_of(motion, seed=seed)[0]
    recording = Recording(
        streams=streams,
        mounts=mounts,
        name=f"{where.title}, simulated, seed {seed}",
        sources=(f"simulated: {course}, seed {seed}",),
        simulated=True,
    )
    return SimulatedDrive(recording, truth, motion, sky, known, where, seed)


def base_station(
    sky: Sky, motion: Motion, t_ns: I64, away_km: float, options: ReceiverOptions, seed: int
) -> tuple[Any, ReceiverTruth, F64]:
    """A static receiver under open sky `away_km` north-east of the start: observations, truth and ECEF position."""
    from dataclasses import replace

    lat, lon, _ = geodetic_from_ecef(motion.origin_e_m)
    away_n = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0]) * away_km * 1000 + [0, 0, -12.0]
    p = np.round(motion.origin_e_m + c_ne(lat, lon).T @ away_n, 4)
    quiet = replace(options, clock_offset_s=-options.clock_offset_s, slips_per_hour=options.slips_per_hour / 4)
    observations, known = receive(sky, t_ns, partial(_fixed_place, p), _open, quiet, (seed, 2), "base")
    antenna = replace(observations.antenna, approx_p_e_m=tuple(p.tolist()))
    return replace(observations, antenna=antenna), known, p


def _check(course: str, laps: float, rate_hz: float, systems: str, frequencies: int) -> None:
    if course not in COURSES:
        raise ConfigError(f"no course '{course}'; there are {', '.join(COURSES)}")
    if not 0 < laps <= 200:
        raise ConfigError(f"laps {laps:g}: from a part of one to 200")
    if not 0.01 <= rate_hz <= 100:
        raise ConfigError(f"rate {rate_hz:g} Hz: from 0.01 to 100")
    if not systems or set(systems) - set(PLANS):
        raise ConfigError(f"systems '{systems}': letters of {''.join(PLANS)}")
    if frequencies not in (1, 2, 3):
        raise ConfigError(f"frequencies {frequencies}: 1, 2 or 3")


def _antenna_place(motion: Motion, t_ns: I64) -> tuple[F64, F64, F64]:
    m = motion.sample(t_ns, ANTENNA_B_M)
    return m.p_e_m, m.v_e_mps, m.way_m


def _fixed_place(p_e_m: F64, t_ns: I64) -> tuple[F64, F64, F64]:
    n = len(t_ns)
    return np.tile(p_e_m, (n, 1)), np.zeros((n, 3)), np.zeros(n)


def _between(where: Circuit | None, way: F64, view: View, rng: np.random.Generator) -> Any:
    if where is None:
        return open_sky(*view.azimuth_rad.shape)
    return along_circuit(where, way, view.azimuth_rad, view.elevation_rad, rng)


def _open(_way: F64, view: View, _rng: np.random.Generator) -> Any:
    return open_sky(*view.azimuth_rad.shape)
