"""Small ANTEX texts for tests, written by hand after the format's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rinex_text import line

HEAD = line(f"{1.4:8.1f}{'':12}M", "ANTEX VERSION / SYST") + line("A", "PCV TYPE / REFANT") + line("", "END OF HEADER")


def antenna(
    name: str, serial: str, offsets_mm: Mapping[str, Sequence[float]], patterns_mm: Mapping[str, Sequence[float]],
    zenith: tuple[float, float, float], dazi: float = 0.0,
    rows_mm: Mapping[str, Sequence[Sequence[float]]] | None = None, valid: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """One antenna; times of `valid` as "year month day hour minute second"."""
    text = line("", "START OF ANTENNA") + line(f"{name:<20}{serial:<20}", "TYPE / SERIAL NO")
    text += line(f"{'CONVERTED':<20}{'':20}{0:6d}    01-JAN-20", "METH / BY / # / DATE")
    text += line(f"  {dazi:6.1f}", "DAZI")
    text += line("  " + "".join(f"{one:6.1f}" for one in zenith), "ZEN1 / ZEN2 / DZEN")
    text += line(f"{len(offsets_mm):6d}", "# OF FREQUENCIES")
    for label, when in zip(("VALID FROM", "VALID UNTIL"), valid, strict=False):
        *whole, second = when.split()
        text += line("".join(f"{int(one):6d}" for one in whole) + f"{float(second):13.7f}", label)
    for code, offset in offsets_mm.items():
        text += line(f"   {code}", "START OF FREQUENCY")
        text += line("".join(f"{one:10.2f}" for one in offset), "NORTH / EAST / UP")
        text += "   NOAZI" + "".join(f"{one:8.2f}" for one in patterns_mm[code]) + "\n"
        for k, row in enumerate((rows_mm or {}).get(code, ())):
            text += f"{k * dazi:8.1f}" + "".join(f"{one:8.2f}" for one in row) + "\n"
        text += line(f"   {code}", "END OF FREQUENCY")
    return text + line("", "END OF ANTENNA")


def small() -> str:
    """Two satellites, one of them exchanged in 2020, and a receiver's antenna with azimuths."""
    zenith = (0.0, 14.0, 7.0)
    old = ("2010 1 1 0 0 0", "2020 3 1 23 59 59.9999999")
    both = {"G01": (394.0, 0.0, 1550.0), "G02": (394.0, 0.0, 1250.0)}
    flat = {"G01": (-1.0, 0.0, 2.0), "G02": (-2.0, 0.0, 4.0)}
    galileo = {"E01": (120.0, -10.0, 700.0), "E05": (120.0, -10.0, 600.0)}
    rover = {"G01": (1.0, 2.0, 90.0), "G02": (0.0, 0.0, 120.0)}
    mean = {"G01": (0.0, -3.0, 6.0), "G02": (0.0, -1.0, 2.0)}
    around = {"G01": [(0.0, -4.0, 8.0), (0.0, -2.0, 4.0), (0.0, -4.0, 8.0)]}
    return (
        HEAD
        + antenna("BLOCK IIF", "G01", both, flat, zenith, valid=("2020 3 2 0 0 0", ))
        + antenna("BLOCK IIA", "G01", {"G01": (279.0, 0.0, 2300.0)}, {"G01": (0.0, 0.0, 0.0)}, zenith, valid=old)
        + antenna("GALILEO-2", "E11", galileo, {"E01": (0.0, 0.0, 0.0), "E05": (0.0, 0.0, 0.0)}, zenith)
        + antenna("ASH701945E_M    SCIS", "", rover, mean, (0.0, 90.0, 45.0), 180.0, around)
    )  # fmt: skip
