"""Where the base stands, who says so, and whether its own codes agree."""

from __future__ import annotations

import numpy as np

from kinema.core.arrays import F64
from kinema.core.frames import geodetic_from_ecef
from kinema.core.recording import Recording
from kinema.core.streams import GnssObservations
from kinema.errors import ConfigError
from kinema.estimate.options import SolveOptions
from kinema.estimate.rtk_positions import own_positions
from kinema.estimate.satellite_states import SatelliteStates

BASE_OFF_M = 150.0
"""Codes alone, ionosphere and all, find a receiver better than this."""
MOVING_M = 30.0
FAR_M = 500_000.0
"""A base farther than this is a mistake."""


def base_position(recording: Recording, options: SolveOptions) -> tuple[F64, str]:
    """Where the base stands (ECEF), and who says so. Raises ConfigError where nobody does."""
    if options.base_position_e_m is not None:
        p, origin = np.array(options.base_position_e_m, dtype=np.float64), "given"
    else:
        base = recording.need("base", GnssObservations)
        p, origin = np.array(base.antenna.approx_p_e_m, dtype=np.float64), "RINEX header"
        if base.antenna.delta_hen_m[0] and np.isfinite(p).all():
            lat, lon, _ = geodetic_from_ecef(p)
            up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
            p = p + up * base.antenna.delta_hen_m[0]
    radius = float(np.linalg.norm(p))
    if not 6.2e6 < radius < 6.5e6:
        raise ConfigError(f"base position ({origin}) is not on the Earth: {p.tolist()}; give --base-position X,Y,Z")
    return p, origin


def check_base_stands(base: GnssObservations, states: SatelliteStates, base_e_m: F64, origin: str) -> None:
    """Raise where the base's own codes put it elsewhere than it is said to be, or show it moving."""
    own = own_positions(base, states, base_e_m)
    found = own[np.isfinite(own[:, 0])]
    if len(found) < 3:
        return
    middle = np.median(found, axis=0)
    off, moved = float(np.linalg.norm(middle - base_e_m)), np.linalg.norm(found - middle, axis=1)
    if float(np.median(moved)) > MOVING_M:
        raise ConfigError(
            f"the base moves (its codes spread over {2 * float(np.median(moved)):.0f} m); are rover and base swapped?"
        )
    if off > BASE_OFF_M:
        said = f"({origin}) is {off / 1000:.1f} km" if off > 1000 else f"({origin}) is {off:.0f} m"
        raise ConfigError(
            f"the base position {said} from where the base's own codes put it; give --base-position X,Y,Z, "
            "or are rover and base swapped?"
        )


def check_base(x0: F64, base_e_m: F64, origin: str) -> None:
    """Raise where base and rover are impossibly far apart, or the rover was found nowhere."""
    found = np.isfinite(x0[:, 0])
    if not found.any():
        raise ConfigError(
            "rover and base give no code position: too few satellites in common, or the base position "
            f"({origin}) is wrong by kilometres; give --base-position X,Y,Z"
        )
    radius = float(np.linalg.norm(np.median(x0[found], axis=0)))
    apart = float(np.linalg.norm(np.median(x0[found], axis=0) - base_e_m))
    if apart > FAR_M or not 6.3e6 < radius < 6.42e6:
        raise ConfigError(
            f"the rover would be {apart / 1000:.0f} km from the base; the base position ({origin}) or one of the files "
            "is of another place: give --base-position X,Y,Z"
        )
