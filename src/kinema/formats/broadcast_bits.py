"""Fields of broadcast navigation messages: where each stands, in bits, and what one unit of it is.

After IS-GPS-200N 20.3.3, Galileo OS SIS ICD 2.1 4.3, BDS-SIS-ICD-B1I 3.0 5.2 and 5.3, GLONASS ICD 5.1 4.4. Bits are
rows of 0/1, parity and page headers already taken away; angles are broadcast in semicircles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kinema.core.arrays import F64, I64, U8

PI = 3.1415926535898
"""π as the interface documents define it."""


class Field(NamedTuple):
    """`length` bits from `start`, times `scale`; signed ones are two's complement."""

    start: int
    length: int
    scale: float = 1.0
    signed: bool = False


def _s(start: int, length: int, scale: float = 1.0) -> Field:
    return Field(start, length, scale, True)


Layout = Mapping[str, Field]

LNAV_HOW: Layout = {"tow": Field(24, 17, 6.0), "id": Field(43, 3)}
LNAV_1: Layout = {
    "week": Field(48, 10), "ura": Field(60, 4), "health": Field(64, 6), "iodc_high": Field(70, 2),
    "tgd1_s": _s(160, 8, 2**-31), "iodc_low": Field(168, 8), "toc": Field(176, 16, 16.0),
    "af2_sps2": _s(192, 8, 2**-55), "af1_sps": _s(200, 16, 2**-43), "af0_s": _s(216, 22, 2**-31),
}  # fmt: skip
LNAV_2: Layout = {
    "iode": Field(48, 8), "crs_m": _s(56, 16, 2**-5), "delta_n_radps": _s(72, 16, PI * 2**-43),
    "m0_rad": _s(88, 32, PI * 2**-31), "cuc_rad": _s(120, 16, 2**-29), "e": Field(136, 32, 2**-33),
    "cus_rad": _s(168, 16, 2**-29), "sqrt_a_sqrtm": Field(184, 32, 2**-19), "toe": Field(216, 16, 16.0),
    "fit": Field(232, 1),
}  # fmt: skip
LNAV_3: Layout = {
    "cic_rad": _s(48, 16, 2**-29), "omega0_rad": _s(64, 32, PI * 2**-31), "cis_rad": _s(96, 16, 2**-29),
    "i0_rad": _s(112, 32, PI * 2**-31), "crc_m": _s(144, 16, 2**-5), "omega_rad": _s(160, 32, PI * 2**-31),
    "omega_dot_radps": _s(192, 24, PI * 2**-43), "iode": Field(216, 8), "idot_radps": _s(224, 14, PI * 2**-43),
}  # fmt: skip
LNAV_IONOSPHERE: Layout = {
    "page": Field(50, 6), "a0": _s(56, 8, 2**-30), "a1": _s(64, 8, 2**-27), "a2": _s(72, 8, 2**-24),
    "a3": _s(80, 8, 2**-24), "b0": _s(88, 8, 2**11), "b1": _s(96, 8, 2**14), "b2": _s(104, 8, 2**16),
    "b3": _s(112, 8, 2**16), "leap_s": _s(192, 8),
}  # fmt: skip
LNAV_IONOSPHERE_PAGE = 56

INAV_1: Layout = {
    "iode": Field(6, 10), "toe": Field(16, 14, 60.0), "m0_rad": _s(30, 32, PI * 2**-31), "e": Field(62, 32, 2**-33),
    "sqrt_a_sqrtm": Field(94, 32, 2**-19),
}  # fmt: skip
INAV_2: Layout = {
    "iode": Field(6, 10), "omega0_rad": _s(16, 32, PI * 2**-31), "i0_rad": _s(48, 32, PI * 2**-31),
    "omega_rad": _s(80, 32, PI * 2**-31), "idot_radps": _s(112, 14, PI * 2**-43),
}  # fmt: skip
INAV_3: Layout = {
    "iode": Field(6, 10), "omega_dot_radps": _s(16, 24, PI * 2**-43), "delta_n_radps": _s(40, 16, PI * 2**-43),
    "cuc_rad": _s(56, 16, 2**-29), "cus_rad": _s(72, 16, 2**-29), "crc_m": _s(88, 16, 2**-5),
    "crs_m": _s(104, 16, 2**-5), "sisa": Field(120, 8),
}  # fmt: skip
INAV_4: Layout = {
    "iode": Field(6, 10), "sat": Field(16, 6), "cic_rad": _s(22, 16, 2**-29), "cis_rad": _s(38, 16, 2**-29),
    "toc": Field(54, 14, 60.0), "af0_s": _s(68, 31, 2**-34), "af1_sps": _s(99, 21, 2**-46),
    "af2_sps2": _s(120, 6, 2**-59),
}  # fmt: skip
INAV_5: Layout = {
    "a0": Field(6, 11, 2**-2), "a1": _s(17, 11, 2**-8), "a2": _s(28, 14, 2**-15), "tgd1_s": _s(47, 10, 2**-32),
    "tgd2_s": _s(57, 10, 2**-32), "hs_e5b": Field(67, 2), "hs_e1b": Field(69, 2), "dvs_e5b": Field(71, 1),
    "dvs_e1b": Field(72, 1), "week": Field(73, 12), "tow": Field(85, 20),
}  # fmt: skip

BDS_HEAD: Layout = {"id": Field(15, 3), "sow": Field(18, 20)}
D1_1: Layout = {
    "health": Field(38, 1), "aodc": Field(39, 5), "ura": Field(44, 4), "week": Field(48, 13), "toc": Field(61, 17, 8.0),
    "tgd1_s": _s(78, 10, 1e-10), "tgd2_s": _s(88, 10, 1e-10), "a0": _s(98, 8, 2**-30), "a1": _s(106, 8, 2**-27),
    "a2": _s(114, 8, 2**-24), "a3": _s(122, 8, 2**-24), "b0": _s(130, 8, 2**11), "b1": _s(138, 8, 2**14),
    "b2": _s(146, 8, 2**16), "b3": _s(154, 8, 2**16), "af2_sps2": _s(162, 11, 2**-66), "af0_s": _s(173, 24, 2**-33),
    "af1_sps": _s(197, 22, 2**-50), "iode": Field(219, 5),
}  # fmt: skip
D1_2: Layout = {
    "delta_n_radps": _s(38, 16, PI * 2**-43), "cuc_rad": _s(54, 18, 2**-31), "m0_rad": _s(72, 32, PI * 2**-31),
    "e": Field(104, 32, 2**-33), "cus_rad": _s(136, 18, 2**-31), "crc_m": _s(154, 18, 2**-6),
    "crs_m": _s(172, 18, 2**-6), "sqrt_a_sqrtm": Field(190, 32, 2**-19), "toe_high": Field(222, 2),
}  # fmt: skip
D1_3: Layout = {
    "toe_low": Field(38, 15), "i0_rad": _s(53, 32, PI * 2**-31), "cic_rad": _s(85, 18, 2**-31),
    "omega_dot_radps": _s(103, 24, PI * 2**-43), "cis_rad": _s(127, 18, 2**-31), "idot_radps": _s(145, 14, PI * 2**-43),
    "omega0_rad": _s(159, 32, PI * 2**-31), "omega_rad": _s(191, 32, PI * 2**-31),
}  # fmt: skip


class Cut(NamedTuple):
    """A field cut at page and word borders: `parts` are (page, first bit, length), bits as the document counts them
    in a 300-bit subframe with its parity."""

    scale: float
    signed: bool
    parts: tuple[tuple[int, int, int], ...]


_SC = PI * 2**-31
_SC_SLOW = PI * 2**-43
D2_PAGE = Field(38, 4)
D2_PAGES = 10
D2: Mapping[str, Cut] = {
    "health": Cut(1, False, ((1, 46, 1),)),
    "aodc": Cut(1, False, ((1, 47, 5),)),
    "ura": Cut(1, False, ((1, 60, 4),)),
    "week": Cut(1, False, ((1, 64, 13),)),
    "toc": Cut(8.0, False, ((1, 77, 5), (1, 90, 12))),
    "tgd1_s": Cut(1e-10, True, ((1, 102, 10),)),
    "tgd2_s": Cut(1e-10, True, ((1, 120, 10),)),
    "a0": Cut(2**-30, True, ((2, 46, 6), (2, 60, 2))),
    "a1": Cut(2**-27, True, ((2, 62, 8),)),
    "a2": Cut(2**-24, True, ((2, 70, 8),)),
    "a3": Cut(2**-24, True, ((2, 78, 4), (2, 90, 4))),
    "b0": Cut(2**11, True, ((2, 94, 8),)),
    "b1": Cut(2**14, True, ((2, 102, 8),)),
    "b2": Cut(2**16, True, ((2, 110, 2), (2, 120, 6))),
    "b3": Cut(2**16, True, ((2, 126, 8),)),
    "af0_s": Cut(2**-33, True, ((3, 100, 12), (3, 120, 12))),
    "af1_sps": Cut(2**-50, True, ((3, 132, 4), (4, 46, 6), (4, 60, 12))),
    "af2_sps2": Cut(2**-66, True, ((4, 72, 10), (4, 90, 1))),
    "iode": Cut(1, False, ((4, 91, 5),)),
    "delta_n_radps": Cut(_SC_SLOW, True, ((4, 96, 16),)),
    "cuc_rad": Cut(2**-31, True, ((4, 120, 14), (5, 46, 4))),
    "m0_rad": Cut(_SC, True, ((5, 50, 2), (5, 60, 22), (5, 90, 8))),
    "cus_rad": Cut(2**-31, True, ((5, 98, 14), (5, 120, 4))),
    "e": Cut(2**-33, False, ((5, 124, 10), (6, 46, 6), (6, 60, 16))),
    "sqrt_a_sqrtm": Cut(2**-19, False, ((6, 76, 6), (6, 90, 22), (6, 120, 4))),
    "cic_rad": Cut(2**-31, True, ((6, 124, 10), (7, 46, 6), (7, 60, 2))),
    "cis_rad": Cut(2**-31, True, ((7, 62, 18),)),
    "toe": Cut(8.0, False, ((7, 80, 2), (7, 90, 15))),
    "i0_rad": Cut(_SC, True, ((7, 105, 7), (7, 120, 14), (8, 46, 6), (8, 60, 5))),
    "crc_m": Cut(2**-6, True, ((8, 65, 17), (8, 90, 1))),
    "crs_m": Cut(2**-6, True, ((8, 91, 18),)),
    "omega_dot_radps": Cut(_SC_SLOW, True, ((8, 109, 3), (8, 120, 16), (9, 46, 5))),
    "omega0_rad": Cut(_SC, True, ((9, 51, 1), (9, 60, 22), (9, 90, 9))),
    "omega_rad": Cut(_SC, True, ((9, 99, 13), (9, 120, 14), (10, 46, 5))),
    "idot_radps": Cut(_SC_SLOW, True, ((10, 51, 1), (10, 60, 13))),
}

FDMA_1: Layout = {
    "hour": Field(7, 5), "minute": Field(12, 6), "half": Field(18, 1, 30.0), "vx": Field(19, 24, 2**-20 * 1e3),
    "ax": Field(43, 5, 2**-30 * 1e3), "x": Field(48, 27, 2**-11 * 1e3),
}  # fmt: skip
FDMA_2: Layout = {
    "health": Field(5, 1), "tb": Field(9, 7, 900.0), "vy": Field(21, 24, 2**-20 * 1e3),
    "ay": Field(45, 5, 2**-30 * 1e3), "y": Field(50, 27, 2**-11 * 1e3),
}  # fmt: skip
FDMA_3: Layout = {
    "gamma_n": Field(6, 11, 2**-40), "vz": Field(21, 24, 2**-20 * 1e3), "az": Field(45, 5, 2**-30 * 1e3),
    "z": Field(50, 27, 2**-11 * 1e3),
}  # fmt: skip
FDMA_4: Layout = {
    "tau_n_s": Field(5, 22, 2**-30), "delta_tau_s": Field(27, 5, 2**-30), "age_day": Field(32, 5), "slot": Field(70, 5),
}  # fmt: skip
FDMA_SIGNED = frozenset({"vx", "ax", "x", "vy", "ay", "y", "vz", "az", "z", "gamma_n", "tau_n_s", "delta_tau_s"})
"""GLONASS numbers are sign and magnitude."""

URA_M = (2.4, 3.4, 4.85, 6.85, 9.65, 13.65, 24.0, 48.0, 96.0, 192.0, 384.0, 768.0, 1536.0, 3072.0, 6144.0, np.nan)
"""Upper bounds of the GPS user range accuracy index (IS-GPS-200N 20.3.3.3.1.3); BeiDou uses the same."""


def bits_of_words(words: I64, width: int) -> U8:
    """Bits (n, words × width), the most significant first, of the lowest `width` bits of words (n, k)."""
    shifts = np.arange(width - 1, -1, -1)
    return ((words[:, :, None] >> shifts) & 1).astype(np.uint8).reshape(len(words), words.shape[1] * width)


def integer(bits: U8, field: Field) -> I64:
    """The unscaled value (n,) of a field."""
    part = bits[:, field.start : field.start + field.length].astype(np.int64)
    value = part @ (np.int64(1) << np.arange(field.length - 1, -1, -1, dtype=np.int64))
    if field.signed:
        value = value - (part[:, 0] << field.length)
    return np.asarray(value)


def sign_magnitude(bits: U8, field: Field) -> I64:
    """The unscaled value (n,) of a field whose first bit is its sign."""
    size = integer(bits, Field(field.start + 1, field.length - 1))
    return np.where(bits[:, field.start] == 1, -size, size)


def decode(bits: U8, layout: Layout) -> dict[str, F64]:
    """The scaled values (n,) of all fields of a layout."""
    return {name: integer(bits, field).astype(np.float64) * field.scale for name, field in layout.items()}


def sisa_m(index: I64) -> F64:
    """Galileo signal-in-space accuracy in metres of its index (Galileo OS SIS ICD 2.1, table 89)."""
    i = index.astype(np.float64)
    steps = [i * 0.01, 0.5 + (i - 50) * 0.02, 1.0 + (i - 75) * 0.04, 2.0 + (i - 100) * 0.16]
    return np.select([i < 50, i < 75, i < 100, i < 126], steps, np.nan)


def crc24q(bits: U8) -> I64:
    """CRC-24Q (n,) of rows of bits (RTCM 10403.3, 4.2; polynomial 0x1864CFB)."""
    crc = np.zeros(len(bits), np.int64)
    for column in bits.T.astype(np.int64):
        top = (crc >> 23) ^ column
        crc = ((crc << 1) & 0xFFFFFF) ^ (top * 0x864CFB)
    return crc


def without_bds_parity(bits: U8) -> U8:
    """BeiDou subframes (n, 300) without parity (n, 224): 26 bits of the first word, 22 of the nine others."""
    keep = np.concatenate([np.arange(26), *(30 * word + np.arange(22) for word in range(1, 10))])
    return np.ascontiguousarray(bits[:, keep])


def decode_cut(pages: U8, cuts: Mapping[str, Cut]) -> dict[str, F64]:
    """The scaled values (n,) of fields in D2 pages (n, 10, 300)."""
    values = {}
    for name, cut in cuts.items():
        joined = np.hstack([pages[:, page - 1, first : first + length] for page, first, length in cut.parts])
        number = integer(joined, Field(0, joined.shape[1], 1.0, cut.signed))
        values[name] = number.astype(np.float64) * cut.scale
    return values
