"""Progress bars of the command line: silent when the output is not a terminal or `--quiet` is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kinema.core.progress import Progress


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress]:
    """A callback `(what, share)` that draws on standard error while the block runs."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(30), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:

        def update(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=1.0)
            bars.update(tasks[what], completed=share)

        yield update


def tell_compiling() -> None:
    """Say once, on standard error, that the first run compiles its kernels."""
    from kinema.kernels.jit import cache_root

    if not cache_root().exists():
        print("First run: compiling kernels, about a minute, once.", file=sys.stderr)
