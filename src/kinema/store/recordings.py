"""Public recordings by name: pinned to a commit and a sha256, fetched once, or taken from a mirror folder."""

from __future__ import annotations

import gzip
import hashlib
import os
import tomllib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kinema.errors import ConfigError, FormatError

REGISTRY = Path(__file__).with_name("recordings.toml")
MIRROR = "KINEMA_MIRROR"
"""Environment variable that names a mirror folder."""


@dataclass(frozen=True)
class PinnedFile:
    """One file: its name in the recording's folder, where it comes from, and what its content must hash to."""

    name: str
    url: str
    sha256: str
    n_bytes: int
    checked: str = "path"


@dataclass(frozen=True)
class PublicRecording:
    """A recording; `settings` goes into the kinema.toml of its folder, below where it comes from."""

    name: str
    title: str
    licence: str
    source: str
    files: tuple[PinnedFile, ...]
    settings: str = ""

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.n_bytes for file in self.files)


@cache
def recordings(registry: Path = REGISTRY) -> dict[str, PublicRecording]:
    """All public recordings by name."""
    found = {}
    for one in tomllib.loads(registry.read_text(encoding="utf-8"))["recording"]:
        files = tuple(
            PinnedFile(file["name"], file["url"], file["sha256"], file["bytes"], file["checked"])
            for file in one["file"]
        )
        found[one["name"]] = PublicRecording(
            one["name"], one["title"], one["licence"], one["source"], files, one.get("settings", "")
        )
    return found


def default_folder() -> Path:
    """Where recordings are kept: KINEMA_CACHE or the user's cache folder, below "recordings"."""
    import platformdirs

    given = os.environ.get("KINEMA_CACHE")
    return (Path(given) if given else Path(platformdirs.user_cache_dir("kinema"))) / "recordings"


def get(
    name: str,
    to: str | Path | None = None,
    mirror: str | Path | None = None,
    tell: Callable[[str, float], None] = lambda _what, _share: None,
    registry: Path = REGISTRY,
) -> Path:
    """Fetch a recording into `to`/NAME and return that folder; files that are there and right are kept.

    `mirror` (or KINEMA_MIRROR): a folder with NAME/FILE or FILE, also as FILE.gz; then no network is used. Raises
    ConfigError (unknown name, no network, not in the mirror) and FormatError (content that is not what was pinned).
    """
    known = recordings(registry)
    if name not in known:
        raise ConfigError(f"no recording '{name}'; known are {', '.join(known)}")
    one = known[name]
    folder = Path(to) if to else default_folder()
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    mirror = mirror or os.environ.get(MIRROR)
    for k, file in enumerate(one.files):
        tell(f"fetching {file.name}", k / len(one.files))
        path = target / file.name
        if path.is_file() and _sha256(path.read_bytes()) == file.sha256:
            continue
        if mirror:
            _from_mirror(Path(mirror), one, file, path)
        else:
            _from_network(file, path)
    tell("done", 1.0)
    about = f'# {one.title}\n# Source: {one.source}\n# Licence: {one.licence}\nname = "{one.name}"\n'
    (target / "kinema.toml").write_text(about + one.settings, encoding="utf-8")
    return target


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _from_mirror(mirror: Path, one: PublicRecording, file: PinnedFile, path: Path) -> None:
    if not mirror.is_dir():
        raise ConfigError(f"{mirror}: there is no such mirror folder")
    places = [mirror / one.name / file.name, mirror / file.name]
    for place in [*places, *(place.with_name(place.name + ".gz") for place in places)]:
        if not place.is_file():
            continue
        content = place.read_bytes()
        if place.name != file.name:
            content = _unzipped(place, content, file.n_bytes)
        _put(content, file, path, str(place))
        return
    raise ConfigError(f"{mirror}: neither {one.name}/{file.name} nor {file.name} is in this mirror")


def _unzipped(place: Path, content: bytes, n_bytes: int) -> bytes:
    """At most one byte more than is wanted: a wrong or hostile file is seen by its hash."""
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(content, n_bytes + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(place, f"broken gzip ({error})", "", "mirror it again") from None


def _put(content: bytes, file: PinnedFile, path: Path, origin: str) -> None:
    found = _sha256(content)
    if found != file.sha256:
        what = f"its sha256 is {found[:12]}…, pinned is {file.sha256[:12]}…"
        raise FormatError(origin, what, "", "it is another version or damaged: nothing was kept")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    os.replace(partial, path)


def _from_network(file: PinnedFile, path: Path) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    partial = f".{file.name}.{os.getpid()}"
    try:
        pooch.retrieve(
            file.url, known_hash=f"sha256:{file.sha256}", fname=partial, path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )  # fmt: skip
        os.replace(path.with_name(partial), path)
    except ValueError as error:
        what = "its content is not what was pinned" if "hash" in str(error).lower() else str(error)
        raise FormatError(file.url, what, "", "it changed upstream: nothing was kept") from None
    except (requests.RequestException, OSError) as error:
        why = type(error).__name__
        raise ConfigError(f"{file.url}: not reached ({why}); check the network, or give --mirror FOLDER") from None
    finally:
        path.with_name(partial).unlink(missing_ok=True)
