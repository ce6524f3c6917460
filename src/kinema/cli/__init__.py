"""The command line: one short module per command in `commands/`, errors caught once and told in one line.

A command module has HELP (one line), EXAMPLES (text, may be empty), `arguments(parser)` and `run(args) -> int`.
Modules must import fast: everything heavy is imported inside `run`.
"""

from __future__ import annotations

import argparse
import gc
import os
import pkgutil
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from kinema.errors import KinemaError
from kinema.version import __version__

# In this order in the help; commands that are not named here follow by name.
ORDER = ("demo", "solve", "info", "score", "convert", "report", "simulate", "data", "warm")

EXIT_BAD_INPUT = 2
EXIT_OWN_FAULT = 70
EXIT_INTERRUPTED = 130


def _commands(asked: str = "") -> dict[str, ModuleType]:
    """All commands in the order of the help, or the one that is asked for."""
    from kinema.cli import commands

    names = sorted(name for _, name, _ in pkgutil.iter_modules(commands.__path__))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    chosen = [name for name in names if name.rstrip("_") == asked] or names
    return {name.rstrip("_"): import_module(f"kinema.cli.commands.{name}") for name in chosen}


def _parser(asked: str = "") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kinema",
        description="Raw logs of things that move in; precise trajectories and what they mean out.",
        epilog="kinema COMMAND --help tells more. Start with: kinema demo",
    )
    parser.add_argument("--version", action="version", version=f"kinema {__version__}")
    below = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in _commands(asked).items():
        one = below.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(one)
        one.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 2 for input that cannot be used, 70 for a fault of our own, 130 when
    interrupted."""
    if argv is not None:
        return _run(argv)
    # imports make very many objects that all stay: looking them over for garbage costs a tenth of a second …
    gc.set_threshold(50_000, 50, 100)
    try:
        return _run(sys.argv[1:])
    finally:
        gc.freeze()  # … and half as much again at the end, which brings nothing back


def _run(argv: Sequence[str]) -> int:
    typed = [_not_an_option(text) for text in argv]
    args = _parser(typed[0] if typed else "").parse_args(typed)
    try:
        return int(args.run(args))
    except (KinemaError, FileNotFoundError, PermissionError, IsADirectoryError) as error:
        print(f"kinema: {_one_line(error)}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except MemoryError:
        print("kinema: not enough memory; cut the recording with --from and --to", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("kinema: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("KINEMA_DEBUG"):
            raise
        told = f"{type(error).__name__}: {_one_line(error)}"
        print(f"kinema: a fault of Kinema, not of your input: {told}; KINEMA_DEBUG=1 shows where", file=sys.stderr)
        return EXIT_OWN_FAULT


def _not_an_option(text: str) -> str:
    """Keep argparse from taking "-3959400.631,3385704.533,…" for an option: a blank in front says it is a value."""
    return f" {text}" if re.match(r"-[\d.]+,", text) else text


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
