"""Reading and writing trajectories beside the peers that people use for it, in one run on one core.

    pip install pynmea2 gpxpy pyubx2 pyrtklib5
    KINEMA_DATA=… python bench/bench_formats.py

Ours gives the whole trajectory (ECEF, covariance, velocity, GPS time); each peer gives its own objects with the same
fields touched. Best of several runs each; a peer that is not installed is left out.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kinema
from kinema.formats import gpx, nmea, rtklib_pos, ubx
from kinema.formats.base import Format, ReadOptions, Source

DATA = Path(os.environ.get("KINEMA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def best_s(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def content(name: str) -> bytes:
    raw = (DATA / name).read_bytes()
    return gzip.decompress(raw) if name.endswith(".gz") else raw


def ours_s(fmt: Format, data: bytes, on_bad: str = "raise") -> float:
    source, options = Source(Path(fmt.name), memoryview(data)), ReadOptions(on_bad)  # type: ignore[arg-type]
    assert fmt.read is not None
    read = fmt.read
    read(source, options)
    return best_s(lambda: read(source, options), 10)


def tell(what: str, unit: str, n: int, ours: float, peer: str, peer_s: float | None) -> None:
    beside = f"{peer} {n / peer_s:12,.0f}   ratio {peer_s / ours:6.1f}" if peer_s else f"{peer} not installed"
    print(f"{what:<34} {n / ours:12,.0f} {unit}/s   {beside}")


def bench_nmea(name: str) -> None:
    data = content(name)
    if ".ubx" in name:
        data = b"".join(line for line in data.splitlines(keepends=True) if line.startswith(b"$G"))
    lines = data.decode("ascii", "replace").splitlines()
    ours = ours_s(nmea.FORMAT, data, "skip")
    try:
        import pynmea2
    except ImportError:
        return tell(f"NMEA {name}", "sentences", len(lines), ours, "pynmea2", None)

    def peer() -> None:
        for line in lines:
            try:
                one = pynmea2.parse(line)
            except pynmea2.ParseError:
                continue
            for field in (
                "timestamp",
                "latitude",
                "longitude",
                "datestamp",
                "spd_over_grnd",
                "true_course",
                "altitude",
            ):
                getattr(one, field, None)

    return tell(f"NMEA {name}", "sentences", len(lines), ours, "pynmea2", best_s(peer, 3))


def longer_gpx(data: bytes, times: int) -> bytes:
    """The same track again and again, a day later each time."""
    head, _, rest = data.partition(b"<trkpt")
    body, _, tail = rest.rpartition(b"</trkpt>")
    days = [(b"<trkpt" + body + b"</trkpt>").replace(b"2021-06-17", b"20%02d-01-01" % (22 + k)) for k in range(times)]
    return head + b"\n".join(days) + tail


def bench_gpx(name: str, times: int = 1) -> None:
    data = longer_gpx(content(name), times) if times > 1 else content(name)
    n, ours = data.count(b"<trkpt"), ours_s(gpx.FORMAT, data)
    try:
        import gpxpy
    except ImportError:
        return tell(f"GPX {name}", "points", n, ours, "gpxpy", None)
    return tell(f"GPX {name}", "points", n, ours, "gpxpy", best_s(lambda: gpxpy.parse(data.decode()), 3))


def bench_ubx(name: str) -> None:
    data = content(name)
    n, ours = data.count(b"\xb5\x62"), ours_s(ubx.FORMAT, data)
    try:
        from pyubx2 import UBX_PROTOCOL, UBXReader
    except ImportError:
        return tell(f"UBX {name}", "messages", n, ours, "pyubx2", None)
    import io

    def peer() -> None:
        for _raw, _parsed in UBXReader(io.BytesIO(data), protfilter=UBX_PROTOCOL, quitonerror=0):
            pass

    return tell(f"UBX {name}", "messages", n, ours, "pyubx2", best_s(peer, 1))


def bench_pos(name: str) -> None:
    data = content(name)
    n, ours = data.count(b"\n") - 1, ours_s(rtklib_pos.FORMAT, data)
    try:
        import pyrtklib5 as rtklib
    except ImportError:
        return tell(f"POS {name}", "epochs", n, ours, "RTKLIB", None)

    def peer() -> None:
        rtklib.readsol([str(DATA / name)], 1, rtklib.solbuf_t())

    return tell(f"POS {name}", "epochs", n, ours, "RTKLIB", best_s(peer, 5))


def bench_writing(name: str) -> None:
    solution = kinema.read(DATA / name).streams["fixes"]
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("pos", "nmea", "gpx", "kml", "geojson", "csv", "parquet"):
            path = Path(folder) / f"out.{ending}"
            took = best_s(lambda path=path: kinema.write(solution, path), 3)  # type: ignore[misc]
            print(f"write .{ending:<28} {len(solution) / took:12,.0f} epochs/s")


if __name__ == "__main__":
    bench_nmea("laps-kart-13/okc-tillotson-plain.nmea.gz")
    bench_nmea("laps-kart-orlando/two-laps.nmea")
    bench_nmea("receiver-ubx/f9p-static-15min.ubx.gz")
    bench_gpx("run-track-session/track_session.gpx")
    bench_gpx("run-track-session/track_session.gpx", 70)
    bench_ubx("receiver-ubx/f9p-static-15min.ubx.gz")
    bench_ubx("receiver-ubx/F9T-L2-5min.ubx.gz")
    bench_pos("car-mems-imu-rtk/gnss_rtk.pos")
    bench_writing("car-mems-imu-rtk/gnss_rtk.pos")
