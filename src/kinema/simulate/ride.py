"""How a real car rides: what tyres, springs, the road's crown and its roughness add to a line driven smoothly.

Sizes are those of real recordings (design/simulator.md). Springs: one mode each of heave, pitch and roll, shaken by a
road of ISO 8608 (displacement spectrum G (n / n₀)⁻², n₀ = 0.1 per metre), as in a quarter car (Wong, Theory of Ground
Vehicles, ch. 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinema.core.arrays import F64

KNOT_S = 0.05
_FINE_S = 0.01
_WHEELBASE_M, _TRACK_M = 2.7, 1.5
_SLOW_MPS = 4.0
"""Below it tyres hardly slip."""


@dataclass(frozen=True)
class Ride:
    """One car on one road, SI and radians.

    slip: rear tyres' slip angle per lateral acceleration; sideslip_mps and sideslip_turn_s: rear axle's sideways speed
    beside that, one sigma, on the straight and more per lateral acceleration, slow to sideslip_hz; crown_rad: mean lean
    of the road (right down); bank_rad over bank_m: how that wanders; road_m3: G(n₀); spring_hz, damping of heave, pitch
    and roll; dive and lean: angle per acceleration forward, sideways; idle_radps: rocking by the engine at rest.
    """

    slip: float = 0.0035
    sideslip_mps: float = 0.021
    sideslip_turn_s: float = 0.005
    sideslip_hz: float = 0.3
    crown_rad: float = 0.0
    bank_rad: float = 0.008
    bank_m: float = 100.0
    road_m3: float = 32e-6
    spring_hz: tuple[float, float, float] = (1.3, 1.5, 1.6)
    damping: float = 0.3
    dive: float = 0.0025
    lean: float = 0.006
    idle_radps: float = 2e-4
    seed: int = 0

    @classmethod
    def drawn(cls, seed: int) -> Ride:
        """A car and a road by chance."""
        rng = np.random.default_rng([seed, 0x21DE])
        return cls(
            slip=float(np.clip(rng.normal(0.0035, 0.0012), 0.001, 0.008)),
            sideslip_mps=0.020 * float(np.exp(rng.normal(0, 0.35))),
            crown_rad=float(rng.normal(0, np.pi / 180)),
            road_m3=32e-6 * float(np.exp(rng.normal(0, 0.5))),
            dive=0.0025 * float(np.exp(rng.normal(0, 0.2))),
            lean=0.006 * float(np.exp(rng.normal(0, 0.2))),
            idle_radps=2e-4 * float(np.exp(rng.normal(0, 0.7))),
            seed=seed,
        )


def ridden(ride: Ride, t: F64, way: F64, v: F64, a_forward: F64, a_right: F64) -> tuple[F64, F64]:
    """At times t (n,): how far the car is lower (n,) m, and its roll, pitch, yaw (n, 3) beyond those of the line."""
    rng = np.random.default_rng([ride.seed, 0x20AD])
    turn = ride.slip * a_right
    size = np.hypot(ride.sideslip_mps, ride.sideslip_turn_s * a_right)
    yaw = turn - _slow_noise(rng, t, ride.sideslip_hz) * size * v / np.maximum(v, _SLOW_MPS) ** 2
    along = np.arange(0.0, way[-1] + 40.0)
    bank = np.interp(way, along, _slow_noise(rng, along, 1 / (2 * np.pi * ride.bank_m))) * ride.bank_rad
    heave, pitch, roll = (
        _sprung(rng, ride, mode, t, v, arm) for mode, arm in ((0, 1.0), (1, _WHEELBASE_M), (2, _TRACK_M))
    )
    pitch = pitch + ride.dive * a_forward
    # the body pitches about its middle, and the origin is the rear axle
    down = heave + 0.5 * _WHEELBASE_M * pitch
    return down, np.stack([ride.crown_rad + bank + roll - ride.lean * a_right, pitch, yaw], axis=1)


def _slow_noise(rng: np.random.Generator, t: F64, corner: float) -> F64:
    """Noise (n,) of unit variance at even places t, flat up to `corner` (per unit of t), smooth above."""
    from scipy.signal import butter, lfilter

    step = float(t[1] - t[0])
    b, a = butter(3, 2 * corner * step)
    lead = int(4 / (corner * step))
    noise = np.asarray(lfilter(b, a, rng.standard_normal(len(t) + lead)))[lead:]
    # the band of a third-order Butterworth filter is 1.047 times its corner
    return np.asarray(noise / np.sqrt(2 * 1.047 * corner * step))


def _sprung(rng: np.random.Generator, ride: Ride, mode: int, t: F64, v: F64, arm_m: float) -> F64:
    """One mode (n,) of the body on its springs: metres of heave, or radians of pitch or roll over `arm_m`."""
    from scipy.signal import bilinear, lfilter

    fine = np.arange(t[0], t[-1] + _FINE_S, _FINE_S)
    speed = np.maximum(np.interp(fine, t, v), 0.0)
    # one-sided spectrum of the road's vertical speed: (2π n₀)² G v; two tracks or axles apart count twice over the arm
    spectrum = (0.2 * np.pi) ** 2 * ride.road_m3 * speed * (1.0 if mode == 0 else 2.0) / arm_m**2
    w = 2 * np.pi * ride.spring_hz[mode]
    rocking = 0.0 if mode == 0 else ride.idle_radps**2
    drive = rng.standard_normal(len(fine)) * np.sqrt((spectrum + rocking) / (2 * _FINE_S))
    # the road's height, forgotten beyond some metres; then spring and damper
    b, a = bilinear([1.0], [1.0, 2.0], 1 / _FINE_S)
    road = lfilter(b, a, drive)
    b, a = bilinear([2 * ride.damping * w, w * w], [1.0, 2 * ride.damping * w, w * w], 1 / _FINE_S)
    return np.asarray(np.interp(t, fine, np.asarray(lfilter(b, a, road))))
