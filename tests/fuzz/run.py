"""Fuzz every reader: whatever the bytes, a Recording or one clear KinemaError, in bounded time and memory.

    python tests/fuzz/run.py --seconds 60            each reader for a minute, one process each
    python tests/fuzz/run.py --only rinex-obs,sp3    some of them
    python tests/fuzz/run.py --replay FILE --only sp3   one input again

Coverage-guided by atheris where it is installed (kernels then run as Python, so that their branches count), else blind
mutation with compiled kernels whose bounds are checked. Seeds are hand-made texts and, with KINEMA_DATA, beginnings of
real files. What breaks is kept in out/fuzz/ and belongs into a regression test.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "fuzz"
DATA = Path(os.environ.get("KINEMA_DATA", ROOT.parent / "shared" / "data"))
SEED_BYTES = 24_000
SEEDS_PER_FORMAT = 5
SLOW_S = 20
MEMORY_BYTES = 6 << 30
TOKENS = (
    b"\n",
    b"\r\n",
    b"\x00",
    b"\xff",
    b" ",
    b"0",
    b"-1",
    b"nan",
    b"1e999",
    b"99999999999",
    b"D+99",
    b",",
    b">",
    b"*",
)


def seeds_of(name: str) -> list[bytes]:
    """Beginnings of real files that this reader claims, and small made ones."""
    from kinema.errors import KinemaError
    from kinema.formats.opening import open_source
    from kinema.formats.reading import sniff

    sys.path.insert(0, str(ROOT / "tests"))
    sys.path.insert(0, str(ROOT / "tests" / "property"))
    from test_rinex_any_input import SEEDS

    from samples import samples

    found = [text.encode() for fmt, text in SEEDS if fmt.name == name]
    found += [sample.data for made, sample in samples().items() if made == name]
    files = sorted(DATA.rglob("*")) if DATA.is_dir() else []
    for path in files:
        if len(found) >= SEEDS_PER_FORMAT or not path.is_file() or path.stat().st_size > 8 << 20:
            continue
        if "mot" in path.parts or "courses" in path.parts:
            continue
        try:
            if sniff(path).name == name:
                found.append(bytes(open_source(path).data[:SEED_BYTES]))
        except KinemaError:
            continue
    return found or [b"\n"]


def target_of(name: str):
    """The function under test."""
    from kinema.core.recording import Recording
    from kinema.errors import KinemaError
    from kinema.formats.base import ReadOptions, Source
    from kinema.formats.reading import discover

    fmt = next(one for one in discover() if one.name == name)

    def run(data: bytes) -> None:
        if not data:
            return
        fmt.sniff(data[:8192], "fuzz")
        for on_bad in ("raise", "skip"):
            signal.alarm(SLOW_S)
            try:
                recording = fmt.read(Source(Path("fuzz"), memoryview(data)), ReadOptions(on_bad=on_bad))
            except KinemaError as error:
                if "\n" in str(error):
                    raise AssertionError(f"message of several lines: {error}") from error
            else:
                assert isinstance(recording, Recording)
            finally:
                signal.alarm(0)

    return run


def too_slow(_signal, _frame):
    raise TimeoutError(f"one input took more than {SLOW_S} s")


def mutated(rng: random.Random, seed: bytes) -> bytes:
    """A seed with a few blind changes."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(data) + 1)
        how = rng.randrange(7)
        if how == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif how == 1:
            data[at : at + rng.randrange(1, 200)] = b""
        elif how == 2:
            data[at:at] = rng.choice(TOKENS)
        elif how == 3:
            start = rng.randrange(len(data) + 1)
            data[at:at] = data[start : start + rng.randrange(1, 2000)]
        elif how == 4 and rng.random() < 0.3:
            del data[at:]
        elif how == 5:
            data[at : at + 4] = rng.randbytes(4)
        else:
            data[at : at + 1] = b"%d" % rng.randrange(10)
        if not data:
            break
    return bytes(data)


def keep(name: str, data: bytes, error: BaseException) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    print(f"{name}: {type(error).__name__}: {error} <- {path}", flush=True)


def blind(name: str, seconds: float) -> int:
    """Mutate until the time is over; how many inputs broke."""
    run, seeds = target_of(name), seeds_of(name)
    rng = random.Random(time.time_ns())
    until = time.monotonic() + seconds
    tried, told = 0, {}
    while time.monotonic() < until:
        data = mutated(rng, rng.choice(seeds))
        tried += 1
        try:
            run(data)
        except Exception as error:
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            place = (type(error), where.tb_frame.f_code.co_filename, where.tb_lineno) if where else type(error)
            if place not in told:
                told[place] = True
                keep(name, data, error)
    print(f"{name}: {tried} inputs, {len(told)} kinds of failure", flush=True)
    return len(told)


def guided(name: str, seconds: float) -> None:
    """Hand over to atheris, which ends the process: 0 where nothing broke."""
    import atheris

    with atheris.instrument_imports(include=["kinema"]):
        from kinema.formats.reading import discover

        discover()
        for kernels in (ROOT / "src" / "kinema" / "kernels").glob("*.py"):
            if kernels.stem in ("text", "rinex", "clocks", "observations", "table"):
                importlib.import_module(f"kinema.kernels.{kernels.stem}")
    run = target_of(name)
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for k, seed in enumerate(seeds_of(name)):
        (corpus / str(k)).write_bytes(seed[:6000])
    OUT.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={int(seconds)}", "-max_len=12000", f"-artifact_prefix={OUT}/{name}-", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(corpus), *options, "-print_final_stats=1", "-rss_limit_mb=6000"], run)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default="", help="names of formats, with commas between")
    parser.add_argument("--engine", choices=("auto", "atheris", "blind"), default="auto")
    parser.add_argument("--replay", metavar="FILE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    atheris = args.engine == "atheris" or (args.engine == "auto" and importlib.util.find_spec("atheris") is not None)
    signal.signal(signal.SIGALRM, too_slow)
    warnings.simplefilter("error")
    if args.one:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES * 4 if atheris else MEMORY_BYTES,) * 2)
        if not atheris:
            return 1 if blind(args.one, args.seconds) else 0
        guided(args.one, args.seconds)
        return 0
    from kinema.formats.reading import discover

    names = [one.name for one in discover() if one.read is not None]
    if args.only:
        names = [name for name in names if name in args.only.split(",")]
    if args.replay:
        target_of(names[0])(Path(args.replay).read_bytes())
        return 0
    env = {**os.environ, "KINEMA_JIT": "0"} if atheris else {**os.environ, "NUMBA_BOUNDSCHECK": "1"}
    env.setdefault("KINEMA_CACHE", tempfile.mkdtemp(prefix="fuzz-cache-"))
    command = [sys.executable, __file__, "--engine", "atheris" if atheris else "blind", "--seconds", str(args.seconds)]
    failed = [name for name in names if subprocess.run([*command, "--one", name], env=env, check=False).returncode]
    print(f"failed: {', '.join(failed)}" if failed else f"{len(names)} readers held", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
