"""RTKLIB solution files (.pos): read in every layout that RTKLIB writes, write in its default one.

Layouts after the RTKLIB manual 2.4.2, appendix B.1. The six sigmas are signed roots: sdne = sign(c)·√|c|.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinema.core.arrays import F64, I64, Bool
from kinema.core.frames import c_ne as c_ne_of
from kinema.core.frames import cov_n_from_e, geodetic_from_ecef, vectors_n_from_e
from kinema.core.recording import Issue, Recording
from kinema.core.solution import Channel, FixStatus, Provenance, Solution
from kinema.core.time import DAY_NS, GPS_MINUS_UNIX_NS, NS, WEEK_NS, gps_ns_from_unix_ns
from kinema.errors import FormatError
from kinema.formats.base import Format, ReadOptions, Source
from kinema.formats.tables import calendar_days, read_numbers, sound_rows
from kinema.formats.trajectory import cov_from_enu_sd, ecef_from_degrees, in_order

STATUS_OF_Q = (
    FixStatus.NONE, FixStatus.FIXED, FixStatus.FLOAT, FixStatus.SBAS, FixStatus.DIFFERENTIAL,
    FixStatus.SINGLE, FixStatus.PPP, FixStatus.DEAD_RECKONED,
)  # fmt: skip
"""FixStatus by RTKLIB's quality flag Q."""
MOST_M = 1e9
"""No coordinate, sigma or velocity is larger."""
Q_OF_STATUS = {status: q for q, status in enumerate(STATUS_OF_Q)}

_LEGEND = "% (lat/lon/height=WGS84/ellipsoidal,Q=1:fix,2:float,3:sbas,4:dgps,5:single,6:ppp,7:dr,ns=# of satellites)"
_COLUMNS = (
    "latitude(deg) longitude(deg)  height(m)   Q  ns   sdn(m)   sde(m)   sdu(m)"
    "  sdne(m)  sdeu(m)  sdun(m) age(s)  ratio"
)
_VELOCITY_COLUMNS = "    vn(m/s)    ve(m/s)    vu(m/s)      sdvn     sdve     sdvu    sdvne    sdveu    sdvun"


@dataclass(frozen=True)
class _Layout:
    calendar: bool
    scale: str
    place: str
    header: str

    @property
    def n_time(self) -> int:
        return 6 if self.calendar else 2

    @property
    def n_place(self) -> int:
        return 7 if self.place == "dms" else 3


def _sniff(head: bytes, name: str) -> float:
    text = head.decode("ascii", "replace")
    if re.search(r"^%\s+(GPST|UTC|JST)\s.*(latitude|x-ecef|e-baseline)", text, re.MULTILINE):
        return 0.95
    if text.startswith("% program"):
        return 0.9
    return 0.3 if name.lower().endswith(".pos") else 0.0


def _header(source: Source) -> str:
    """All comment lines at the beginning of the file."""
    lines = []
    for line in bytes(source.data[:65_536]).decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith(("%", "#")):
            break
        lines.append(line)
    return "\n".join(lines)


def _layout(source: Source) -> _Layout:
    header = _header(source)
    columns = re.findall(r"^%\s+(GPST|UTC|JST)\b(.*)$", header, re.MULTILINE)
    scale, names = columns[-1] if columns else ("GPST", "latitude(deg)")
    rest = bytes(source.data[: 65_536 + 4096]).decode("ascii", "replace").splitlines()
    first = next((line for line in rest if line.strip() and line[0] not in "%#"), "")
    if "x-ecef" in names:
        place = "ecef"
    elif "baseline" in names:
        place = "enu"
    else:
        place = "dms" if "d'" in names else "deg"
    return _Layout("/" in first.split(" ")[0], scale, place, header)


def _times(v: F64, layout: _Layout) -> tuple[I64, Bool]:
    """GPS times, and which of them are such."""
    if not layout.calendar:
        bad = ~((v[:, 0] >= 0) & (v[:, 0] <= 9999) & (v[:, 1] >= 0) & (v[:, 1] < 700_000))
        t_ns = np.round(np.where(bad, 0, v[:, 0])).astype(np.int64) * WEEK_NS
        t_ns += np.round(np.where(bad, 0, v[:, 1]) * NS).astype(np.int64)
    else:
        days = calendar_days(v[:, 0], v[:, 1], v[:, 2])
        clock = v[:, 3:6]
        bad = (days < 0) | ~((clock >= 0) & (clock <= (24, 60, 61))).all(axis=1)
        hour, minute, second = np.where(bad[:, None], 0, clock).T
        whole_s = np.round(hour * 60 + minute).astype(np.int64) * 60
        t_ns = np.maximum(days, 0) * DAY_NS + whole_s * NS + np.round(second * NS).astype(np.int64) - GPS_MINUS_UNIX_NS
    if layout.scale == "GPST":
        return t_ns, ~bad
    shift_ns = 9 * 3600 * NS if layout.scale == "JST" else 0
    return gps_ns_from_unix_ns(t_ns + GPS_MINUS_UNIX_NS - shift_ns), ~bad


def _base(source: Source, header: str) -> F64:
    """ECEF of the base that the header names ("% ref pos"), for baseline files."""
    found = re.search(r"^% ref pos\s*:\s*([-\d. ]+)", header, re.MULTILINE)
    words = found[1].split() if found else []
    numbers = [float(x) for x in words if re.fullmatch(r"-?\d{1,9}(\.\d*)?", x)]
    if len(numbers) != 3 or len(words) != 3:
        raise FormatError(
            source.path, "baselines (e/n/u) without the position of the base", "header",
            "write it with positions (out-solformat=llh), or with the line '% ref pos : LAT LON HEIGHT'",
        )  # fmt: skip
    if abs(numbers[0]) <= 90 and abs(numbers[1]) <= 360:
        return ecef_from_degrees(*(np.array(x) for x in numbers))
    return np.array(numbers)


def _places(source: Source, v: F64, layout: _Layout) -> F64:
    if layout.place == "ecef":
        return v[:, :3].copy()
    if layout.place == "enu":
        base = _base(source, layout.header)
        lat, lon, _ = geodetic_from_ecef(base)
        return np.asarray(v[:, [1, 0, 2]] * (1, 1, -1) @ c_ne_of(lat, lon) + base)
    return ecef_from_degrees(*_degrees(v, layout))


def _degrees(v: F64, layout: _Layout) -> tuple[F64, F64, F64]:
    """Latitude, longitude (°) and height."""
    if layout.place == "dms":
        lat, lon = (np.copysign(np.abs(v[:, k]) + v[:, k + 1] / 60 + v[:, k + 2] / 3600, v[:, k]) for k in (0, 3))
        return lat, lon, v[:, 6]
    return v[:, 0], v[:, 1], v[:, 2]


def _on_earth(v: F64, layout: _Layout) -> Bool:
    if layout.place in ("ecef", "enu"):
        return np.ones(len(v), np.bool_)
    lat, lon, _ = _degrees(v, layout)
    return np.asarray((np.abs(lat) <= 90) & (np.abs(lon) <= 360))


def _cov_from_xyz_sd(sd: F64) -> F64:
    x, y, z, xy, yz, zx = (np.sign(c) * c * c for c in sd.T)
    cov = np.stack([np.stack(row, axis=-1) for row in ((x, xy, zx), (xy, y, yz), (zx, yz, z))], axis=-2)
    cov[~(np.abs(sd) > 0).any(axis=1)] = np.nan
    return cov


def read(source: Source, options: ReadOptions) -> Recording:
    """Read a .pos file into the stream "fixes".

    All time systems and position layouts; baselines need the position of the base in the header. A sigma
    set of zeros reads as not known. Raises FormatError.
    """
    layout = _layout(source)
    before = layout.n_time + layout.n_place
    separators = b" \t,;/:" if layout.calendar else b" \t,;"
    table = read_numbers(source, options, need=before + 1, columns=before + 19, separators=separators)
    for what, fit in (
        ("no such time", lambda v: _times(v, layout)[1]),
        ("impossible position", lambda v: (np.abs(v[:, layout.n_time : before]) < MOST_M).all(axis=1)),
        ("no place on Earth", lambda v: _on_earth(v[:, layout.n_time :], layout)),
        ("quality not 0 to 7", lambda v: (v[:, before] >= 0) & (v[:, before] <= 7)),
    ):
        table = sound_rows(source, options, table, fit(table.values), what)
    t_ns, _ = _times(table.values, layout)
    index, issues = in_order(source, t_ns, options)
    v = table.values[index]
    p_e_m = _places(source, v[:, layout.n_time :], layout)
    rest = v[:, before:]
    rest[:, 2:] = np.where(np.abs(rest[:, 2:]) < MOST_M, rest[:, 2:], np.nan)
    status = np.array(STATUS_OF_Q, dtype=np.uint8)[rest[:, 0].astype(np.int64)]
    cov = _cov_from_xyz_sd if layout.place == "ecef" else lambda sd: cov_from_enu_sd(sd, p_e_m)
    v_e, cov_v = _velocity(rest[:, 10:19], p_e_m, layout.place == "ecef")
    channels = {}
    if np.isfinite(rest[:, 8]).any():
        channels["age_s"] = Channel(rest[:, 8], "s", "age of corrections")
    if np.isfinite(rest[:, 9]).any():
        channels["ratio"] = Channel(rest[:, 9], "1", "ambiguity ratio")
    solution = Solution(
        t_ns[index], p_e_m, cov(rest[:, 2:8]), v_e, cov_v, status=status,
        n_sats=np.clip(np.nan_to_num(rest[:, 1]), 0, 999).astype(np.int16),
        channels=channels, provenance=_provenance(source, layout.header),
    )  # fmt: skip
    return Recording(
        {"fixes": solution}, issues=table.issues + issues + _doubts(source, layout, table.n_fields, before),
        sources=(source.name,), simulated=solution.provenance.simulated,
    )  # fmt: skip


def _velocity(v: F64, p_e_m: F64, ecef: bool) -> tuple[F64, F64]:
    if ecef:
        return v[:, :3].copy(), _cov_from_xyz_sd(v[:, 3:])
    lat, lon, _ = geodetic_from_ecef(p_e_m)
    v_n = v[:, :3] * (1, 1, -1)
    return np.einsum("nji,nj->ni", c_ne_of(lat, lon), v_n), cov_from_enu_sd(v[:, 3:], p_e_m)


def _doubts(source: Source, layout: _Layout, n_fields: I64, before: int) -> tuple[Issue, ...]:
    issues = []
    if "geodetic" in layout.header:
        issues.append(Issue("heights above the geoid", 1, "header", source.name, "taken as ellipsoidal"))
    short = int((n_fields < before + 8).sum())
    if short:
        issues.append(Issue("no sigmas", short, "", source.name))
    return tuple(issues)


def _provenance(source: Source, header: str) -> Provenance:
    def of(key: str) -> list[str]:
        return re.findall(rf"^% {key}\s*: *(.*?)\s*$", header, re.MULTILINE)

    return Provenance(
        sources=(source.name,),
        program=(of("program") or [""])[0],
        mode=(of("pos mode") or [""])[0],
        simulated=(of("simulated") or [""])[0].startswith("yes"),
        datum=(of("datum") or ["WGS84"])[0],
        point=(of("point") or ["antenna"])[0],
    )


def signed_roots(cov_n: F64) -> F64:
    """RTKLIB's six sigmas (n, 6) from NED covariances; zeros where not known, at least 0.1 mm where known."""
    n, e, d = 0, 1, 2
    parts = np.stack(
        [cov_n[:, n, n], cov_n[:, e, e], cov_n[:, d, d], cov_n[:, n, e], -cov_n[:, e, d], -cov_n[:, n, d]], axis=1
    )
    roots = np.sign(parts) * np.sqrt(np.abs(parts))
    roots[:, :3] = np.maximum(roots[:, :3], 1e-4)
    roots[~np.isfinite(roots).all(axis=1)] = 0.0
    return roots


def _time_texts(t_ns: I64) -> list[str]:
    decimals = 3 if (t_ns % 1_000_000 == 0).all() else 9
    unit, per = ("ms", 1_000_000) if decimals == 3 else ("ns", 1)
    stamps = ((t_ns + GPS_MINUS_UNIX_NS) // per).astype(f"datetime64[{unit}]")
    return [text.replace("-", "/").replace("T", " ") for text in np.datetime_as_string(stamps).tolist()]


def _head(solution: Solution, velocity: bool, width: int) -> list[str]:
    made = solution.provenance
    lines = [f"% program   : {made.program or 'Kinema'}"]
    lines += [f"% inp file  : {name}" for name in made.sources]
    if len(solution):
        first, last = _time_texts(solution.t_ns[[0, -1]])
        lines += [f"% obs start : {first} GPST", f"% obs end   : {last} GPST"]
    lines += [f"% pos mode  : {made.mode or 'unknown'}", f"% datum     : {made.datum}", f"% point     : {made.point}"]
    if made.simulated:
        lines.append("% simulated : yes, this is no measurement")
    lines += [f"% note      : {note}" for note in made.notes]
    names = _COLUMNS + (_VELOCITY_COLUMNS if velocity else "")
    return [*(" ".join(line.split("\n")) for line in lines), "%", _LEGEND, f"%  {'GPST':<{width - 3}} {names}"]


def write(solution: Solution, path: Path, *, velocity: bool = False) -> None:
    """Write in RTKLIB's layout: latitude, longitude, ellipsoidal height, GPS time, Q, sigmas, age and ratio.

    Epochs without a position are left out. `velocity` adds RTKLIB's optional velocity columns.
    """
    s = solution.select(solution.valid)
    lat, lon, h = geodetic_from_ecef(s.p_e_m)
    blank = Channel(np.zeros(len(s)), "1")
    columns = [
        np.degrees(lat), np.degrees(lon), h,
        np.array([Q_OF_STATUS[FixStatus(k)] for k in range(len(FixStatus))])[s.status], s.n_sats,
        *signed_roots(cov_n_from_e(s.cov_p_e_m2, s.p_e_m)).T,
        np.nan_to_num(s.channels.get("age_s", blank).value), np.nan_to_num(s.channels.get("ratio", blank).value),
    ]  # fmt: skip
    row = "%s %14.9f %14.9f %10.4f %3d %3d" + " %8.4f" * 6 + " %6.2f %6.1f"
    if velocity:
        v_n = np.nan_to_num(vectors_n_from_e(s.v_e_mps, s.p_e_m)) * (1, 1, -1)
        columns += [*v_n.T, *signed_roots(cov_n_from_e(s.cov_v_e, s.p_e_m)).T]
        row += " %10.5f" * 3 + " %8.5f" * 6
    times = _time_texts(s.t_ns)
    lines = [row % values for values in zip(times, *(c.tolist() for c in columns), strict=True)]
    head = _head(s, velocity, len(times[0]) if times else 23)
    Path(path).write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


FORMAT = Format("pos", "RTKLIB solution", (".pos",), _sniff, read, write)
