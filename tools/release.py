"""The list of a release, gone through: ./workbench release [VERSION].

It pushes nothing, makes no tag and uploads nothing; it prints the commands that do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import release_items as items
from release_items import REFUSED, Item

from wemix_ref.reliability.packaging_checks import CheckError

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Go through the list.

    Returns
    -------
    int
        0: all is done; 1: an item is refused; 2: the command is wrong.
    """
    parser = argparse.ArgumentParser(prog="./workbench release", description=__doc__)
    parser.add_argument("version", nargs="?", help="that is released; that of the package")
    parser.add_argument(
        "--check-only", action="store_true", help="what takes seconds: no tests, no build"
    )
    parser.add_argument(
        "--green", metavar="COMMIT", help="the tests passed there: do not run them again"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    root = parsed.root.resolve()
    try:
        version = parsed.version or items.version_of(root)
    except (CheckError, OSError) as error:
        parser.error(str(error))
    gone = [_gone(*one) for one in _quick(root, version)]
    if parsed.check_only:
        print(f"\n{_counted(gone)}; not gone through: tests, locks again, build")
        return 1 if items.failed(gone) else 0
    if items.failed(gone):
        print(f"\n{_counted(gone)}; the rest waits until nothing is refused")
        return 1
    for one in _slow(root, version, parsed.green):
        gone.append(_gone(*one))
        if items.failed(gone):
            break
    print(f"\n{_counted(gone)}")
    if items.failed(gone):
        return 1
    print(_remaining(version))
    return 0


def _quick(root: Path, version: str) -> list[tuple[str, Callable[[], Item]]]:
    return [
        ("branch", lambda: items.on_main(root)),
        ("tree", lambda: items.tree_clean(root)),
        ("version", lambda: items.versions_agree(root, version)),
        ("tag", lambda: items.tag_free(root, version)),
        ("lock", lambda: items.lock_serves(root)),
        ("documentation", lambda: items.docs_built(root)),
        ("records", lambda: items.records_young(root)),
        ("addresses", lambda: items.addresses(root)),
    ]


def _slow(root: Path, version: str, green: str | None) -> list[tuple[str, Callable[[], Item]]]:
    return [
        ("lock again", lambda: items.lock_fresh(root)),
        ("tests", lambda: items.tests_green(root, green)),
        # what the tests left behind, if anything
        ("tree", lambda: items.tree_clean(root)),
        ("build", lambda: items.built_into_dist(root, version)),
    ]


def _gone(what: str, look: Callable[[], Item]) -> Item:
    """Go through one item, and print it."""
    try:
        item = look()
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        item = Item(what, REFUSED, str(error), "see the message")
    first, *more = item.found.splitlines()
    print(f"{item.state:8} {item.what}: {first}", flush=True)
    for line in more:
        print(f"{'':8} {line}")
    if item.todo:
        print(f"{'':8} to do: {item.todo}", flush=True)
    return item


def _counted(gone: Sequence[Item]) -> str:
    states = [item.state for item in gone]
    return ", ".join(f"{states.count(s)} {s}" for s in (items.DONE, items.WARNED, REFUSED))


def _remaining(version: str) -> str:
    commands = [
        f"git tag --annotate v{version} --message 'wemix-ref {version}'",
        f"git push origin main v{version}",
        "(cd dist && sha256sum --check SHA256SUMS)",
        f"twine upload dist/wemix_ref-{version}.tar.gz dist/wemix_ref-{version}-py3-none-any.whl",
    ]
    return "What remains is yours:\n" + "".join(f"    {command}\n" for command in commands)


if __name__ == "__main__":
    sys.exit(main())
