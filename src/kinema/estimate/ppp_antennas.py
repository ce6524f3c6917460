"""Phase centres of an ANTEX file in ionosphere-free combinations: of satellites and of the receiver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kinema.core.antennas import AntennaModel, Antennas
from kinema.core.arrays import F64, I64
from kinema.core.frames import c_ne, geodetic_from_ecef
from kinema.core.satellites import SYSTEMS, frequency_hz
from kinema.core.streams import GnssObservations
from kinema.sensors.antenna import interpolate_pattern

BLOCKS_NOTE = "satellites' antennas by block type"


@dataclass(frozen=True)
class Centre:
    """Of one antenna and one pair of signals, ionosphere-free: offset_m (3,), pattern_m over its angles."""

    offset_m: F64
    pattern_m: F64
    zenith_deg: F64
    azimuth_deg: F64


@dataclass(frozen=True)
class PhaseCentres:
    """What the file has of this recording: satellites by identifier, the receiver's antenna by system letter."""

    satellites: Mapping[int, Centre]
    receiver: Mapping[str, Centre]
    notes: tuple[str, ...]

    def offsets(self) -> dict[int, F64]:
        """Body offsets (3,) of the satellites that it has."""
        return {sat: centre.offset_m for sat, centre in self.satellites.items()}

    def range_m(self, sat: I64, sat_p_e_m: F64, here_e_m: F64, unit: F64, azimuth: F64, elevation: F64) -> F64:
        """What patterns and the receiver's offset add to the distances (m,) of rows; here_e_m (m, 3), `unit` from the
        receiver to the satellite, angles in radians."""
        out = np.zeros(len(sat))
        nadir = (sat_p_e_m * unit).sum(axis=1) / np.linalg.norm(sat_p_e_m, axis=1)
        nadir_deg = np.degrees(np.arccos(np.clip(nadir, -1.0, 1.0)))
        for one, centre in self.satellites.items():
            rows = sat == one
            # Azimuths about a satellite's axis are averaged, the last of which is the first again.
            pattern = centre.pattern_m[: max(len(centre.azimuth_deg) - 1, 1)].mean(axis=0)
            out[rows] += np.interp(nadir_deg[rows], centre.zenith_deg, pattern)
        lat, lon, _ = geodetic_from_ecef(here_e_m)
        look_n = np.einsum("mij,mj->mi", c_ne(lat, lon), unit) if self.receiver else unit
        for letter, centre in self.receiver.items():
            rows = sat // 100 == SYSTEMS.index(letter)
            north_east_down = centre.offset_m * (1.0, 1.0, -1.0)
            out[rows] -= look_n[rows] @ north_east_down
            zenith_deg, azimuth_deg = 90.0 - np.degrees(elevation[rows]), np.degrees(azimuth[rows]) % 360.0
            out[rows] += interpolate_pattern(
                centre.pattern_m, centre.azimuth_deg, centre.zenith_deg, azimuth_deg, zenith_deg
            )
        return out


def phase_centres(
    antennas: Antennas | None, observations: GnssObservations, signals: Mapping[str, tuple[str, str]]
) -> PhaseCentres:
    """Choose the models of satellites at the recording's middle and of the receiver's antenna, whose name the header
    gives, for the pair of signals of each system. What the file lacks is told in the notes."""
    if antennas is None:
        note = f"{BLOCKS_NOTE}; the receiver's antenna is not modelled (centimetres in height)"
        return PhaseCentres({}, {}, (note,))
    middle_ns = int(observations.t_ns[len(observations.t_ns) // 2])
    satellites: dict[int, Centre] = {}
    sats = [int(sat) for sat in np.unique(observations.sat) if SYSTEMS[sat // 100] in signals]
    for sat in sats:
        letter = SYSTEMS[sat // 100]
        model = antennas.satellite(sat, middle_ns)
        codes = _codes(letter, signals[letter])
        if model is not None and all(code in model.offset_m for code in codes):
            satellites[sat] = iono_free(model, codes, codes)
    others = len(sats) - len(satellites)
    note = f"antennas of {len(satellites)} satellites by ANTEX" + (f", of {others} by block type" if others else "")
    receiver, told = _receiver(antennas, observations.antenna.antenna, signals)
    return PhaseCentres(satellites, receiver, (note, told))


def _receiver(antennas: Antennas, name: str, signals: Mapping[str, tuple[str, str]]) -> tuple[dict[str, Centre], str]:
    """The receiver's antenna by system, a frequency that it lacks taken from GPS' nearest, and what to tell of it."""
    if not name:
        return {}, "the observations name no antenna: its phase centre is not modelled (centimetres in height)"
    model = antennas.receiver(name)
    if model is None:
        return {}, f"antenna {name} is not in the ANTEX file: its phase centre is not modelled (centimetres in height)"
    known = [code for code in model.offset_m if code[0] == "G"]
    found: dict[str, Centre] = {}
    lent: list[str] = []
    for letter, pair in signals.items():
        wanted = _codes(letter, pair)
        taken = [code if code in model.offset_m else _nearest(code, known) for code in wanted]
        if all(taken):
            lent += [f"{code} as {other}" for code, other in zip(wanted, taken, strict=True) if code != other]
            found[letter] = iono_free(model, (taken[0], taken[1]), wanted)
    missing = [letter for letter in signals if letter not in found]
    told = f"receiver's antenna {name} by ANTEX" + (f" ({', '.join(lent)})" if lent else "")
    return found, told + (f"; not modelled for {', '.join(missing)}" if missing else "")


def _codes(letter: str, pair: tuple[str, str]) -> tuple[str, str]:
    """Frequency codes of ANTEX: system and band, as RINEX 3 numbers them."""
    return f"{letter}0{pair[0][0]}", f"{letter}0{pair[1][0]}"


def _nearest(code: str, known: list[str]) -> str:
    """The one of `known` that is nearest in frequency; empty where there is none."""
    hz = frequency_hz(code[0], code[2])
    return min(known, key=lambda one: abs(frequency_hz(one[0], one[2]) - hz), default="")


def iono_free(model: AntennaModel, taken: tuple[str, str], wanted: tuple[str, str]) -> Centre:
    """The combination of the values of the codes `taken`, by the frequencies of the codes `wanted`."""
    f1, f2 = (frequency_hz(code[0], code[2]) for code in wanted)
    a, b = f1**2 / (f1**2 - f2**2), f2**2 / (f1**2 - f2**2)
    first, second = taken
    return Centre(
        a * model.offset_m[first] - b * model.offset_m[second],
        a * model.pattern_m[first] - b * model.pattern_m[second],
        model.zenith_deg,
        model.azimuth_deg,
    )
