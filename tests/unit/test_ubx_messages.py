"""Navigation messages encoded by hand and decoded: every field of every layout, cut and joined, signs and times."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from kinema.core.ephemeris import GLONASS_COLUMNS, KEPLER_COLUMNS
from kinema.core.satellites import sat_id
from kinema.core.time import BDT_WEEK_OFFSET, NS, WEEK_NS, gps_ns_from_week
from kinema.formats import broadcast_bits as bb
from kinema.formats import ubx
from trajectories import parsed
from ubx_bytes import frame

WEEK, TOW = 2300, 345_618.0


def rawx(tow: float) -> bytes:
    """An epoch without observations: it states the time."""
    return frame(0x0215, struct.pack("<dHbBBB2x", tow, WEEK, 18, 0, 1, 1))


def sfrbx(gnss: int, sv: int, words: list[int], signal: int = 0, channel: int = 0) -> bytes:
    return frame(0x0213, struct.pack("<BBBBBBBB", gnss, sv, signal, channel, len(words), 0, 2, 0)
                 + struct.pack(f"<{len(words)}I", *words))  # fmt: skip


def put(bits: np.ndarray, start: int, length: int, value: int) -> None:
    value &= (1 << length) - 1
    bits[start : start + length] = [(value >> (length - 1 - k)) & 1 for k in range(length)]


def words_of(bits: np.ndarray, width: int) -> list[int]:
    return [int("".join(map(str, part)), 2) for part in bits.reshape(-1, width).tolist()]


def bds_words(bits224: np.ndarray) -> list[int]:
    full = np.zeros(300, np.uint8)
    full[np.concatenate([np.arange(26), *(30 * w + np.arange(22) for w in range(1, 10))])] = bits224
    return words_of(full, 30)


def encode(bits: np.ndarray, layout: bb.Layout, values: dict[str, int]) -> None:
    for name, field in layout.items():
        if name in values:
            put(bits, field.start, field.length, values[name])


def kepler_of(log: bytes, sat: str) -> tuple[dict[str, float], int, int]:
    found = parsed(ubx.FORMAT, log).streams["ephemerides"]
    (k,) = np.flatnonzero(found.sat == sat_id(sat))
    return (
        dict(zip(KEPLER_COLUMNS, found.kepler[found.row[k]], strict=True)),
        int(found.toe_ns[k]),
        int(found.sent_ns[k]),
    )


def some_values(layout: bb.Layout, seed: int, skip: set[str]) -> dict[str, int]:
    rng = np.random.default_rng(seed)
    return {
        name: int(rng.integers(0, 2**f.length)) - (2 ** (f.length - 1) if f.signed else 0)
        for name, f in layout.items() if name not in skip
    }  # fmt: skip


def expect(row: dict[str, float], layout: bb.Layout, values: dict[str, int], skip: set[str] = frozenset()) -> None:
    for name, field in layout.items():
        if name in row and name in values and name not in skip:
            assert row[name] == pytest.approx(values[name] * field.scale, rel=1e-14), name


def test_gps_lnav():
    """Three subframes; a fourth of another issue does not mix in."""
    log, said = rawx(TOW), []
    for number, layout in ((1, bb.LNAV_1), (2, bb.LNAV_2), (3, bb.LNAV_3)):
        values = some_values(layout, number, set()) | {"iode": 77, "iodc_low": 77, "week": WEEK % 1024}
        values |= {"toe": 345_600 // 16, "toc": 345_600 // 16, "health": 0}
        said.append((layout, values))
        bits = np.zeros(240, np.uint8)
        put(bits, 0, 8, 0x8B)
        put(bits, 24, 17, int(TOW // 6) + number)
        put(bits, 43, 3, number)
        encode(bits, layout, values)
        log += sfrbx(0, 7, [w << 6 for w in words_of(bits, 24)])
    row, toe, sent = kepler_of(log, "G07")
    for layout, values in said:
        expect(row, layout, values)
    assert toe == gps_ns_from_week(WEEK, 345_600)
    assert sent == gps_ns_from_week(WEEK, TOW + 12)
    assert row["toc_s"] == gps_ns_from_week(WEEK, 345_600) / NS


def test_galileo_inav():
    """Five words with their CRC; a page with a wrong one is left out and told."""
    log, said = rawx(TOW), []
    for number, layout in enumerate((bb.INAV_1, bb.INAV_2, bb.INAV_3, bb.INAV_4, bb.INAV_5), start=1):
        values = some_values(layout, 10 + number, set()) | {"iode": 99, "sat": 11, "week": WEEK - 1024, "tow": int(TOW)}
        values |= {"toe": 345_600 // 60, "toc": 345_600 // 60}
        said.append((layout, values))
        word = np.zeros(128, np.uint8)
        put(word, 0, 6, number)
        encode(word, layout, values)
        page = np.zeros(256, np.uint8)
        page[2:114] = word[:112]
        page[128] = 1
        page[130:146] = word[112:]
        covered = np.concatenate([np.zeros(4, np.uint8), page[:114], page[128:210]])
        put(page, 210, 24, int(bb.crc24q(covered[None])[0]))
        log += sfrbx(2, 11, words_of(page, 32), signal=1)
    page[20] ^= 1
    broken = sfrbx(2, 11, words_of(page, 32), signal=1)
    row, toe, sent = kepler_of(log, "E11")
    for layout, values in said:
        expect(row, layout, values)
    assert toe == gps_ns_from_week(WEEK, 345_600)
    assert sent == gps_ns_from_week(WEEK, TOW)
    assert "Galileo page with a wrong CRC" in [issue.kind for issue in parsed(ubx.FORMAT, log + broken).issues]


def bds_head(bits: np.ndarray, number: int, sow: int) -> None:
    put(bits, 0, 11, 0x712)
    put(bits, 15, 3, number)
    put(bits, 18, 20, sow)


def test_beidou_d1():
    """Three subframes in a row; BeiDou time is 14 s behind GPS time."""
    log, said = rawx(TOW + 14), []
    toe = 345_600 // 8
    for number, layout in ((1, bb.D1_1), (2, bb.D1_2), (3, bb.D1_3)):
        values = some_values(layout, 20 + number, set()) | {"toc": toe, "toe_high": toe >> 15, "toe_low": toe & 0x7FFF}
        values |= {"week": WEEK - BDT_WEEK_OFFSET, "health": 0}
        said.append((layout, values))
        bits = np.zeros(224, np.uint8)
        bds_head(bits, number, int(TOW) + 6 * (number - 1))
        encode(bits, layout, values)
        log += sfrbx(3, 20, bds_words(bits))
    row, toe_ns, sent = kepler_of(log, "C20")
    for layout, values in said:
        expect(row, layout, values)
    assert toe_ns == gps_ns_from_week(WEEK, 345_614)
    assert sent == gps_ns_from_week(WEEK, TOW + 12 + 14)


def test_beidou_d2():
    """Ten pages whose fields are cut at their borders."""
    rng = np.random.default_rng(5)
    pages = np.zeros((10, 300), np.uint8)
    said = {}
    for name, cut in bb.D2.items():
        length = sum(part[2] for part in cut.parts)
        value = int(rng.integers(0, 2**length))
        value = {"toe": 345_600 // 8, "toc": 345_600 // 8, "health": 0}.get(name, value)
        bits = [(value >> (length - 1 - k)) & 1 for k in range(length)]
        for page, first, n in cut.parts:
            pages[page - 1, first : first + n] = bits[:n]
            bits = bits[n:]
        said[name] = (value - (2**length if cut.signed and value >= 2 ** (length - 1) else 0)) * cut.scale
    log = rawx(TOW + 14)
    for k in range(10):
        kept = np.concatenate([np.arange(26), *(30 * w + np.arange(22) for w in range(1, 10))])
        bits = pages[k, kept]
        bds_head(bits, 1, int(TOW) + 3 * k)
        put(bits, bb.D2_PAGE.start, bb.D2_PAGE.length, k + 1)
        log += sfrbx(3, 3, bds_words(bits), signal=1)
    row, toe_ns, _ = kepler_of(log, "C03")
    for name, value in said.items():
        if name in row:
            assert row[name] == pytest.approx(value, rel=1e-14), name
    assert toe_ns == gps_ns_from_week(WEEK, 345_614)


def test_glonass_strings():
    """Sign and magnitude; times of day of UTC + 3 h; the channel from the message's head."""
    log, said = b"", {}
    rng = np.random.default_rng(6)
    moscow_s = int(TOW - 18 + 3 * 3600) % 86_400
    fixed = {"tb": moscow_s // 900, "hour": moscow_s // 3600, "minute": moscow_s // 60 % 60, "half": 0, "health": 0}
    fixed["x"] = 25_000_000 * 2048 // 1000
    for number, layout in ((1, bb.FDMA_1), (2, bb.FDMA_2), (3, bb.FDMA_3), (4, bb.FDMA_4)):
        bits = np.zeros(128, np.uint8)
        put(bits, 1, 4, number)
        for name, field in layout.items():
            value = int(rng.integers(0, 2 ** (field.length - 1)))
            value = fixed.get(name, value)
            negative = name in bb.FDMA_SIGNED and name != "x"
            put(bits, field.start, field.length, value | (1 << (field.length - 1) if negative else 0))
            said[name] = (-value if negative else value) * field.scale
        log += rawx(TOW + 2 * number) + sfrbx(6, 9, words_of(bits, 32), channel=5)
    found = parsed(ubx.FORMAT, log).streams["ephemerides"]
    row = dict(zip(GLONASS_COLUMNS, found.glonass[0], strict=True))
    assert found.sat.tolist() == [sat_id("R09")]
    for ours, theirs in (
        ("x_m", "x"),
        ("vy_mps", "vy"),
        ("az_mps2", "az"),
        ("tau_n_s", "tau_n_s"),
        ("gamma_n", "gamma_n"),
    ):
        assert row[ours] == pytest.approx(said[theirs], rel=1e-14), ours
    assert row["channel"] == -2
    assert found.toe_ns[0] % WEEK_NS == (TOW - 18 - (moscow_s % 900) + 18) * NS


def test_slips_by_lock_time():
    """A lock counter that starts anew, and one shorter than the time since, are slips; a growing one is none."""

    def epoch(tow: float, lock_ms: int) -> bytes:
        head = struct.pack("<dHbBBB2x", tow, WEEK, 18, 1, 1, 1)
        one = struct.pack("<ddfBBBBHBBBBBB", 2.2e7, 1.1e8, 500.0, 0, 5, 0, 0, lock_ms, 45, 3, 1, 3, 7, 0)
        return frame(0x0215, head + one)

    log = epoch(100.0, 5000) + epoch(101.0, 6000) + epoch(102.0, 300) + epoch(103.0, 1300) + epoch(113.0, 4000)
    gnss = parsed(ubx.FORMAT, log).streams["gnss"]
    assert gnss.lli[:, 0].tolist() == [0, 0, 1, 0, 1]
