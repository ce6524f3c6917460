"""`kinema data`: public recordings to try things on."""

from __future__ import annotations

import argparse

HELP = "fetch public recordings, pinned and checked"
EXAMPLES = """examples:
  kinema data list
  kinema data get car-rtk-japan-2021-265
  kinema data get canyon-berlin --to recordings --mirror /mnt/mirror
A mirror is a folder with NAME/FILE or FILE (also FILE.gz); with it, or with KINEMA_MIRROR, no network is used."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """list, or get NAME."""
    below = parser.add_subparsers(dest="what", metavar="list|get", required=True)
    known = below.add_parser("list", help="what there is, its size and licence")
    known.add_argument("--json", action="store_true", help="print as JSON")
    get = below.add_parser("get", help="fetch recordings")
    get.add_argument("names", nargs="+", metavar="NAME", help="as kinema data list tells")
    get.add_argument("--to", metavar="DIR", help="folder to put NAME/ into (default: the user's cache)")
    get.add_argument("--mirror", metavar="DIR", help="take the files from this folder, not from the network")
    get.add_argument("-q", "--quiet", action="store_true", help="print the folders only")


def run(args: argparse.Namespace) -> int:
    """List, or fetch and print the folder."""
    from kinema.cli.progress import progress_bar
    from kinema.store.recordings import get, recordings

    if args.what == "list":
        return _list(as_json=args.json)
    for name in args.names:
        with progress_bar(quiet=args.quiet) as progress:
            folder = get(name, args.to, args.mirror, progress)
        print(folder)
        if not args.quiet:
            one = recordings()[name]
            print(f"  {one.title}\n  {one.licence}, from {one.source}")
    return 0


def _list(*, as_json: bool) -> int:
    import json
    from dataclasses import asdict

    from kinema.store.recordings import recordings

    if as_json:
        print(json.dumps([asdict(one) for one in recordings().values()], indent=1))
        return 0
    width = max(len(name) for name in recordings())
    for one in recordings().values():
        print(f"{one.name:<{width}}  {one.n_bytes / 1e6:6.1f} MB  {one.licence:<13}  {one.title}")
    return 0
