"""Broadcast ephemerides out of u-blox RXM-SFRBX messages: GPS and QZSS LNAV, Galileo I/NAV, BeiDou D1 and D2,
GLONASS strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinema.core.arrays import F64, I64
from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS, MESSAGES, BroadcastEphemerides
from kinema.core.recording import Issue
from kinema.core.satellites import SYSTEMS
from kinema.core.time import BDT_MINUS_GPS_NS, NS, WEEK_NS
from kinema.formats import broadcast_bits as bb
from kinema.formats.base import Source
from kinema.formats.ubx_frames import SFRBX, SYSTEM_OF_GNSS_ID, Frames, gather, reference_times
from kinema.formats.ubx_pages import Found, Pages, latest, moscow, near, once

LNAV_ROLLOVER_WEEK = 2048
"""Without any stated time, the 10-bit GPS week is taken to lie in the 1024 weeks from here (2019-04-07)."""
_HEAD = np.dtype([
    ("gnss", "u1"), ("sv", "u1"), ("signal", "u1"), ("channel", "u1"), ("n", "u1"), ("chn", "u1"), ("version", "u1"),
    ("r", "u1"),
])  # fmt: skip


def ephemerides_of(source: Source, frames: Frames) -> tuple[BroadcastEphemerides | None, list[Issue]]:
    """All ephemerides that the received pages complete, each once, and the ionosphere pages."""
    at = frames.of(SFRBX, 8)
    head = frames.records(at, _HEAD)
    whole = frames.length[at] >= 8 + 4 * head["n"].astype(np.int64)
    at, head = at[whole], head[whole]
    t_ns = _reception_times(frames, at, head)
    if t_ns is None:
        return None, [Issue("navigation messages without any time", len(at), "", source.name)]
    systems = np.array([SYSTEM_OF_GNSS_ID.get(k, "?") for k in range(256)])[head["gnss"]]
    base = np.array([100 * SYSTEMS.index(s) if s in SYSTEMS else 0 for s in systems.tolist()], np.int64)
    sat = base + head["sv"]
    used = np.zeros(len(at), np.bool_)
    found: list[Found] = []
    ionosphere: dict[str, tuple[float, ...]] = {}
    issues: list[Issue] = []
    leap: list[int] = []

    def pages(system: str, signals: tuple[int, ...], words: int, width: int) -> Pages:
        which = (systems == system) & np.isin(head["signal"], signals) & (head["n"] >= words)
        which &= (head["sv"] > 0) & (head["sv"] < 100)
        used[which] = True
        raw = gather(frames.data, frames.start[at[which]] + 8, np.dtype([("word", "<u4", words)]))["word"]
        return Pages(sat[which], t_ns[which], bb.bits_of_words(raw.astype(np.int64), width))

    for system in "GJ":
        lnav = pages(system, (0,), 10, 30)
        data_bits = np.concatenate([30 * word + np.arange(24) for word in range(10)])
        found.append(_lnav(Pages(lnav.sat, lnav.t_ns, lnav.bits[:, data_bits]), system, ionosphere, leap))
    found.append(_inav(pages("E", (1, 5), 8, 32), ionosphere, issues, source))
    beidou = pages("C", (0, 1, 2, 3, 4, 10), 10, 30)
    geo = np.isin(beidou.sat % 100, (1, 2, 3, 4, 5, 59, 60, 61, 62, 63))
    found.append(_d1(beidou.where(~geo), ionosphere))
    found.append(_d2(beidou.where(geo)))
    channels = dict(
        zip(sat[systems == "R"].tolist(), (head["channel"][systems == "R"].astype(int) - 7).tolist(), strict=True)
    )
    found.append(_fdma(pages("R", (0, 2), 4, 32), channels))
    if not used.all():
        kinds = sorted({str(s) for s in systems[~used].tolist()})
        detail = f"of {', '.join(kinds)}: civil, SBAS and other messages"
        issues.append(Issue("skipped navigation messages", int((~used).sum()), "", source.name, detail))
    return _joined([one for one in found if len(one.sat)], ionosphere, leap), issues


def _reception_times(frames: Frames, at: I64, head: Any) -> I64 | None:
    """GPS time of reception (n,), to about a second: that of the latest message which states the time."""
    stated, frame = reference_times(frames)
    if len(stated):
        return stated[np.clip(np.searchsorted(frame, at) - 1, 0, len(stated) - 1)]
    lnav = np.flatnonzero((head["gnss"] == 0) & (head["signal"] == 0) & (head["n"] == 10))
    words = gather(frames.data, frames.start[at[lnav]] + 8, np.dtype([("word", "<u4", 10)]))["word"].astype(np.int64)
    bits = bb.bits_of_words(words >> 6, 24)
    how = bb.decode(bits, bb.LNAV_HOW)
    first = how["id"] == 1
    if not first.any():
        return None
    week = bb.decode(bits[first], bb.LNAV_1)["week"].astype(np.int64)
    week += (LNAV_ROLLOVER_WEEK - week + 1023) // 1024 * 1024
    known: I64 = week * WEEK_NS + (how["tow"][first] * NS).astype(np.int64)
    return known[np.clip(np.searchsorted(at[lnav][first], at) - 1, 0, len(known) - 1)]


def _lnav(pages: Pages, system: str, ionosphere: dict[str, tuple[float, ...]], leap: list[int]) -> Found:
    how = bb.decode(pages.bits, bb.LNAV_HOW)
    preamble = bb.integer(pages.bits, bb.Field(0, 8)) == 0x8B
    kind = np.where(preamble, how["id"].astype(np.int64), 0)
    sent = near((how["tow"] - 6.0) % 604_800, pages.t_ns)
    a, b, c = latest(pages, kind, (1, 2, 3))
    one, two, three = (bb.decode(pages.bits[k], x) for k, x in ((a, bb.LNAV_1), (b, bb.LNAV_2), (c, bb.LNAV_3)))
    last_sent = np.maximum(np.maximum(sent[a], sent[b]), sent[c])
    v = {**three, **two, **one}
    toe, toc = near(two["toe"], last_sent), near(one["toc"], last_sent)
    v["iodc"] = one["iodc_high"] * 256 + one["iodc_low"]
    v["ura_m"] = np.array(bb.URA_M)[one["ura"].astype(np.int64)]
    # Interval of fit: 4 h; the flag tells a longer one, 6 h as far as a receiver can know (IS-GPS-200N 20.3.4.4).
    v["fit_s"] = (
        np.where(two["fit"] == 0, 4.0, 6.0) * 3600 if system == "G" else np.where(two["fit"] == 0, 2.0, 4.0) * 3600
    )
    v |= {"toe_s": toe / NS, "toc_s": toc / NS}
    keep = (two["iode"] == three["iode"]) & (one["iodc_low"] == two["iode"])
    page = bb.decode(pages.bits, bb.LNAV_IONOSPHERE)
    last = np.flatnonzero((kind == 4) & (page["page"] == bb.LNAV_IONOSPHERE_PAGE))
    if len(last):
        ionosphere[f"{'GPS' if system == 'G' else 'QZS'}A"] = tuple(float(page[f"a{i}"][last[-1]]) for i in range(4))
        ionosphere[f"{'GPS' if system == 'G' else 'QZS'}B"] = tuple(float(page[f"b{i}"][last[-1]]) for i in range(4))
        leap.append(int(page["leap_s"][last[-1]]))
    return once("LNAV", pages, a, last_sent, toe, one["health"].astype(np.int64), v, keep)


def _inav(pages: Pages, ionosphere: dict[str, tuple[float, ...]], issues: list[Issue], source: Source) -> Found:
    bits = pages.bits
    ordinary = (bits[:, 0] == 0) & (bits[:, 128] == 1) & (bits[:, 1] == 0) & (bits[:, 129] == 0)
    covered = np.hstack([np.zeros((len(bits), 4), np.uint8), bits[:, :114], bits[:, 128:210]])
    intact = bb.crc24q(covered) == bb.integer(bits, bb.Field(210, 24))
    if (ordinary & ~intact).any():
        issues.append(Issue("Galileo page with a wrong CRC", int((ordinary & ~intact).sum()), "", source.name))
    good = ordinary & intact
    words = Pages(pages.sat[good], pages.t_ns[good], np.hstack([bits[good, 2:114], bits[good, 130:146]]))
    kind = bb.integer(words.bits, bb.Field(0, 6))
    k = latest(words, kind, (1, 2, 3, 4, 5))
    layouts = (bb.INAV_1, bb.INAV_2, bb.INAV_3, bb.INAV_4, bb.INAV_5)
    one, two, three, four, five = (bb.decode(words.bits[i], layout) for i, layout in zip(k, layouts, strict=True))
    v = {**five, **four, **three, **two, **one}
    sent = (five["week"].astype(np.int64) + 1024) * WEEK_NS + (five["tow"] * NS).astype(np.int64)
    toe, toc = near(one["toe"], sent), near(four["toc"], sent)
    v["ura_m"] = bb.sisa_m(three["sisa"].astype(np.int64))
    v |= {"toe_s": toe / NS, "toc_s": toc / NS, "iodc": one["iode"]}
    health = five["dvs_e1b"] + 2 * five["hs_e1b"] + 64 * five["dvs_e5b"] + 128 * five["hs_e5b"]
    keep = (one["iode"] == two["iode"]) & (one["iode"] == three["iode"]) & (one["iode"] == four["iode"])
    keep &= four["sat"] == words.sat[k[0]] % 100
    if len(toe):
        ionosphere["GAL"] = (float(five["a0"][-1]), float(five["a1"][-1]), float(five["a2"][-1]), 0.0)
    return once("INAV", words, k[0], sent, toe, health.astype(np.int64), v, keep)


def _bds_values(v: dict[str, F64], toe_sow: F64, sent: I64) -> tuple[I64, dict[str, F64]]:
    toe = near(toe_sow, sent + BDT_MINUS_GPS_NS) - BDT_MINUS_GPS_NS
    toc = near(v["toc"], sent + BDT_MINUS_GPS_NS) - BDT_MINUS_GPS_NS
    v["ura_m"] = np.array(bb.URA_M)[v["ura"].astype(np.int64)]
    v |= {"toe_s": toe / NS, "toc_s": toc / NS, "iodc": v["aodc"]}
    return toe, v


def _bds_ionosphere(v: dict[str, F64], ionosphere: dict[str, tuple[float, ...]]) -> None:
    if len(v["a0"]):
        ionosphere["BDSA"] = tuple(float(v[f"a{i}"][-1]) for i in range(4))
        ionosphere["BDSB"] = tuple(float(v[f"b{i}"][-1]) for i in range(4))


def _d1(pages: Pages, ionosphere: dict[str, tuple[float, ...]]) -> Found:
    bits = bb.without_bds_parity(pages.bits)
    head = bb.decode(bits, bb.BDS_HEAD)
    kind = np.where(bb.integer(bits, bb.Field(0, 11)) == 0x712, head["id"].astype(np.int64), 0)
    sent = near(head["sow"], pages.t_ns + BDT_MINUS_GPS_NS) - BDT_MINUS_GPS_NS
    a, b, c = latest(pages, kind, (1, 2, 3))
    one, two, three = (bb.decode(bits[k], x) for k, x in ((a, bb.D1_1), (b, bb.D1_2), (c, bb.D1_3)))
    _bds_ionosphere(one, ionosphere)
    # Nothing in D1 names the issue in subframes 2 and 3: only three subframes in one go belong together.
    keep = (sent[b] - sent[a] == 6 * NS) & (sent[c] - sent[b] == 6 * NS)
    toe, v = _bds_values({**three, **two, **one}, (two["toe_high"] * 2**15 + three["toe_low"]) * 8.0, sent[c])
    return once("D1", pages, a, sent[c], toe, one["health"].astype(np.int64), v, keep)


def _d2(pages: Pages) -> Found:
    bits = bb.without_bds_parity(pages.bits)
    head = bb.decode(bits, bb.BDS_HEAD)
    first = (bb.integer(bits, bb.Field(0, 11)) == 0x712) & (head["id"] == 1)
    kind = np.where(first, bb.integer(bits, bb.D2_PAGE), 0)
    sent = near(head["sow"], pages.t_ns + BDT_MINUS_GPS_NS) - BDT_MINUS_GPS_NS
    k = latest(pages, kind, tuple(range(1, bb.D2_PAGES + 1)))
    v = bb.decode_cut(np.stack([pages.bits[i] for i in k], axis=1), bb.D2)
    # Pages of one ephemeris follow each other every three seconds.
    keep = np.all([sent[k[i + 1]] - sent[k[i]] == 3 * NS for i in range(9)], axis=0)
    toe, v = _bds_values(v, v["toe"], sent[k[-1]])
    return once("D2", pages, k[0], sent[k[-1]], toe, v["health"].astype(np.int64), v, keep)


def _fdma(pages: Pages, channels: dict[int, int]) -> Found:
    kind = bb.integer(pages.bits, bb.Field(1, 4))
    k = latest(pages, kind, (1, 2, 3, 4))
    v: dict[str, F64] = {}
    for i, layout in zip(k, (bb.FDMA_1, bb.FDMA_2, bb.FDMA_3, bb.FDMA_4), strict=True):
        for name, field in layout.items():
            number = bb.sign_magnitude if name in bb.FDMA_SIGNED else bb.integer
            v[name] = number(pages.bits[i], field).astype(np.float64) * field.scale
    about = pages.t_ns[k[0]]
    toe, sent = moscow(v["tb"], about), moscow(v["hour"] * 3600 + v["minute"] * 60 + v["half"], about)
    rename = {"x": "x_m", "y": "y_m", "z": "z_m", "vx": "vx_mps", "vy": "vy_mps", "vz": "vz_mps"}
    rename |= {"ax": "ax_mps2", "ay": "ay_mps2", "az": "az_mps2"}
    v |= {name: v[short] for short, name in rename.items()}
    v["toe_s"], v["iode"] = toe / NS, v["tb"] / 900.0
    v["channel"] = np.array([channels.get(s, 0) for s in pages.sat[k[0]].tolist()], dtype=np.float64)
    # Strings of one frame come every two seconds.
    keep = np.all([abs(pages.t_ns[k[i + 1]] - pages.t_ns[k[i]] - 2 * NS) <= NS for i in range(3)], axis=0)
    keep &= np.hypot(np.hypot(v["x"], v["y"]), v["z"]) > 2e7
    return once("FDMA", pages, k[0], sent, toe, v["health"].astype(np.int64), v, keep)


def _joined(
    found: list[Found], ionosphere: dict[str, tuple[float, ...]], leap: list[int]
) -> BroadcastEphemerides | None:
    if not found and not ionosphere:
        return None
    kepler = [_table(one, KEPLER_COLUMNS) for one in found if one.message != "FDMA"]
    fdma = [_table(one, GLONASS_COLUMNS) for one in found if one.message == "FDMA"]
    row: list[I64] = []
    begin = 0
    for one in found:
        start = 0 if one.message == "FDMA" else begin
        row.append(start + np.arange(len(one.sat)))
        begin += 0 if one.message == "FDMA" else len(one.sat)

    def column(parts: list[I64]) -> I64:
        return np.concatenate([np.zeros(0, np.int64), *parts])[order]

    order = np.argsort(np.concatenate([np.zeros(0, np.int64), *(one.sent_ns for one in found)]), kind="stable")
    return BroadcastEphemerides(
        sat=column([one.sat for one in found]).astype(np.int16),
        message=column([np.full(len(one.sat), MESSAGES.index(one.message)) for one in found]).astype(np.uint8),
        toe_ns=column([one.toe_ns for one in found]),
        sent_ns=column([one.sent_ns for one in found]),
        health=column([one.health for one in found]),
        row=column(row),
        kepler=np.vstack([np.zeros((0, len(KEPLER_COLUMNS))), *kepler]),
        glonass=np.vstack([np.zeros((0, len(GLONASS_COLUMNS))), *fdma]),
        ionosphere=ionosphere,
        leap_s=leap[-1] if leap else None,
    )


def _table(one: Found, columns: tuple[str, ...]) -> F64:
    return np.stack([one.values.get(name, np.full(len(one.sat), np.nan)) for name in columns], axis=1)
