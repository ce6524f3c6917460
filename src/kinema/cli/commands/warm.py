"""`kinema warm`: compile the kernels now, so that no later run waits for it."""

from __future__ import annotations

import argparse

HELP = "compile all kernels now, so that no later run waits for it"
EXAMPLES = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""


def run(args: argparse.Namespace) -> int:
    """Run every strategy once on a short simulated drive."""
    return 0
