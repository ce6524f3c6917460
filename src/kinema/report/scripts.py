"""Puts the plain ES modules and the style sheet of `assets/` into a page, without a build step.

The modules import each other by relative path, so that Node can run them as they are. In a page they become one
module: each file once, after those that it imports, its import lines and `export` words taken away. So top-level
names are shared between all the files and must differ; `bundle` says so where two are the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from kinema.errors import ConfigError

ASSETS = Path(__file__).parent / "assets"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) )", re.MULTILINE)
_NAME = re.compile(r"^(?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


def bundle(names: Sequence[str]) -> str:
    """One script of the modules `names` and of all that they import; `main.js` last, for it starts the page."""
    order: list[str] = []
    for name in sorted(names, key=lambda name: name == "main.js"):
        _visit(name, order, ())
    owner: dict[str, str] = {}
    parts = []
    for name in order:
        body = _EXPORT.sub("", _IMPORT.sub("", _source(name)))
        for word in _NAME.findall(body):
            if word in owner:
                raise ConfigError(f"{name} and {owner[word]} both define '{word}'; rename one")
            owner[word] = name
        parts.append(body)
    return "\n".join(parts)


def style_sheet(more: Sequence[str] = ()) -> str:
    """The style sheet of every page, and those that some blocks bring."""
    return "\n".join(_source(name) for name in ("page.css", *more))


def _visit(name: str, order: list[str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ConfigError(f"scripts import each other in a circle: {' → '.join((*above, name))}")
    if name in order:
        return
    for needed in _IMPORT.findall(_source(name)):
        _visit(needed, order, (*above, name))
    order.append(name)


@cache
def _source(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
