"""Settings of tight coupling."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TightParams:
    """Settings beside those of [single], [rtk] and [inertial]; SI."""

    coupling: str = "tight"
    """"loose": positions are solved first, and fed to the inertial filter."""
    least_step_s: float = 0.19
    """Epochs closer than this to the one before are left out: an IMU fills between, and multipath repeats."""
    clock_noise_mps: float = 0.05
    clock_drift_noise_mps2: float = 0.05
    carrier_walk: float = 0.005
    """How orbits, clocks and atmosphere let a carrier's constant wander, m/√s; three times that on one frequency."""
    ambiguity_sigma_m: float = 100.0
    code_gate: float = 9.0
    code_late_gate: float = 6.0
    """Squared sigmas beyond which a code counts less; reflections only lengthen."""
    doppler_gate: float = 9.0
    phase_gate: float = 25.0
    phase_slip_m: float = 0.04
    """A phase off by more than this and its gate has slipped."""
    quietest: float = 0.03
    loudest: float = 3.0
    """Against a base the noise of codes, Dopplers and phases is learnt: its variance, in shares of what RTK assumes."""
    noise_prior: float = 200.0
    """What the assumption counts for, in rows."""
