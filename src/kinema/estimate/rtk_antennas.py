"""Phase centres of rover's and base's antennas, signal by signal, where an ANTEX file is given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinema.core.antennas import AntennaModel, Antennas, antenna_key
from kinema.core.arrays import F64
from kinema.core.satellites import SYSTEMS, frequency_hz
from kinema.core.streams import GnssObservations
from kinema.sensors.antenna import interpolate_pattern


def receiver_model(antennas: Antennas, name: str, whose: str) -> tuple[AntennaModel | None, str]:
    """The model of an antenna by the name in a header, and one line about it: the radome may be left out."""
    if not name:
        return None, f"the {whose}'s file names no antenna: its phase centre is not modelled"
    model = antennas.receiver(name)
    if model is not None:
        return model, f"{whose}'s antenna {name} by ANTEX"
    kind, radome = antenna_key(name)
    bare = antennas.receiver(kind)
    if bare is not None:
        return bare, f"{whose}'s antenna {kind} by ANTEX without its radome {radome}, which the file lacks"
    return None, f"{whose}'s antenna {name} is not in the ANTEX file: its phase centre is not modelled"


def centre_delays(
    model: AntennaModel, observations: GnssObservations, bands: Mapping[str, tuple[str, ...]], azimuth: F64,
    elevation: F64, slots: int,
) -> F64:  # fmt: skip
    """What an antenna adds to the distances (m, slots) of rows at azimuth, elevation (m,), metres.

    bands: RINEX bands of each system's slots. A frequency that the model lacks is taken as GPS' nearest.
    """
    out = np.zeros((len(observations.sat), slots))
    known = [code for code in model.offset_m if code[0] == "G"]
    look = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=1
    )
    zenith_deg, azimuth_deg = 90.0 - np.degrees(elevation), np.degrees(azimuth) % 360.0
    for letter, of_system in bands.items():
        rows = observations.sat // 100 == SYSTEMS.index(letter)
        for slot, band in enumerate(of_system):
            code = f"{letter}0{band}"
            if code not in model.offset_m:
                code = _nearest(letter, band, known)
            if code:
                out[rows, slot] = (
                    interpolate_pattern(
                        model.pattern_m[code], model.azimuth_deg, model.zenith_deg, azimuth_deg[rows], zenith_deg[rows]
                    )
                    - look[rows] @ model.offset_m[code]
                )
    return np.nan_to_num(out)


def _nearest(letter: str, band: str, known: list[str]) -> str:
    """The one of `known` that is nearest in frequency; empty where there is none."""
    hz = frequency_hz(letter, band)
    return min(known, key=lambda one: abs(frequency_hz(one[0], one[2]) - hz), default="")


def difference(
    antennas: Antennas | None, rover: GnssObservations, base: GnssObservations, bands: Mapping[str, tuple[str, ...]],
    rover_angles: tuple[F64, F64], base_angles: tuple[F64, F64], slots: int,
) -> tuple[F64, F64, tuple[str, ...]]:  # fmt: skip
    """Delays of the rover's rows and of the base's rows, and what to tell; angles are azimuth and elevation (m,)."""
    delays, notes = [], []
    for observations, whose, (azimuth, elevation) in ((rover, "rover", rover_angles), (base, "base", base_angles)):
        model, note = (None, "") if antennas is None else receiver_model(antennas, observations.antenna.antenna, whose)
        notes += [note] if note else []
        if model is None:
            delays.append(np.zeros((len(observations.sat), slots)))
        else:
            delays.append(centre_delays(model, observations, bands, azimuth, elevation, slots))
    return delays[0], delays[1], tuple(notes)
