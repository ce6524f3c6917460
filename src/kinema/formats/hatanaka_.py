"""Hatanaka's Compact RINEX, restored by the reference program that the `hatanaka` package carries."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from kinema.errors import FormatError

_CHUNK = 1 << 18
_EXIT_WARNING = 2


def restored(path: Path, data: memoryview) -> Iterator[bytes]:
    """Chunks of the RINEX text. Raises FormatError where nothing comes out, EOFError where it breaks off."""
    program = files("hatanaka.bin") / ("crx2rnx.exe" if sys.platform == "win32" else "crx2rnx")
    with as_file(program) as binary, tempfile.TemporaryFile() as packed, tempfile.TemporaryFile() as said:
        for at in range(0, len(data), _CHUNK):
            packed.write(data[at : at + _CHUNK])
        packed.seek(0)
        with subprocess.Popen([str(binary), "-"], stdin=packed, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout is not None
            some = False
            try:
                while chunk := process.stdout.read(_CHUNK):
                    some = True
                    yield chunk
            except GeneratorExit:
                process.kill()
                raise
        if process.returncode not in (0, _EXIT_WARNING):
            said.seek(0)
            why = " ".join(said.read(2000).decode("ascii", "replace").split()).removeprefix("ERROR : ")
            if not some:
                raise FormatError(path, f"Compact RINEX cannot be restored ({why})", remedy="download it again")
            raise EOFError(why)
