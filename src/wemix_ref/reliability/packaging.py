"""Packaging: what is built, installed and tested, from clean environments and many versions.

It needs a checkout, uv, and the network or uv's cache for the packages of other environments.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wemix_ref.places import PROJECT, need_checkout
from wemix_ref.reliability.catalogue import catalogue_faults
from wemix_ref.reliability.packaging_build import (
    Built,
    built,
    contents_held,
    copy_tracked,
    metadata_held,
    same_files,
    sdist_files,
    sdist_held,
    sha256,
    spoil,
    tracked,
    unpack,
    wheel_files,
)
from wemix_ref.reliability.packaging_checks import Checks, Line, call, find_uv, looked, must
from wemix_ref.reliability.packaging_docs import built_site, links_held, sources_held
from wemix_ref.reliability.packaging_install import check_installed, check_workbench, install
from wemix_ref.reliability.packaging_sets import (
    SETS,
    TESTS,
    DependencySet,
    Outcome,
    interpreter,
    tried,
)
from wemix_ref.reliability.packaging_types import basedpyright_agrees, mypy_agrees
from wemix_ref.reliability.record import Record, Table, versions_here

__all__ = ["check_built", "run"]

Tell = Callable[[str], None]
_TOOLS = ("hatchling", "uv", "mypy", "packaging", "snakemake", "mkdocs")
_LOWEST = "3.11"


def run(n: int, seed: int, tell: Tell) -> Record:
    """Build, install and test the package; n pairs of builds are held against one another."""
    need_checkout("wemix-ref reliability packaging")
    began = time.monotonic()
    find_uv()
    checks = Checks(tell)
    with (
        tempfile.TemporaryDirectory(prefix="wemix-ref-packaging-") as scratch,
        ThreadPoolExecutor(len(SETS)) as pool,
    ):
        place = Path(scratch).resolve()
        tree = copy_tracked(PROJECT, place / "tree")
        one = built(tree, place / "built")
        check_built(checks, one, tree, place, n)
        top = unpack(one.sdist, place / "sets-tree")
        sets = [
            pool.submit(_try_set, dependency_set, top, place / f"set-{number}")
            for number, dependency_set in enumerate(SETS)
        ]
        checks.run("build", "twine check --strict", lambda: _twine(one, place))
        _check_installed(checks, one, place)
        _check_workflow(checks, tree)
        _check_docs(checks, tree, place)
        outcomes = []
        for line, dependency_set, outcome in (future.result() for future in sets):
            checks.keep(line)
            if outcome is not None:
                outcomes.append((dependency_set, outcome))
    failed = sum(bool(line.problem) for line in checks.lines)
    command = f"wemix-ref reliability packaging --n {n} --seed {seed}"
    return Record(
        "packaging",
        command,
        len(checks.lines),
        failed,
        time.monotonic() - began,
        _told(outcomes),
        (_lines(checks), _sets(outcomes), _tests()),
        versions_here() | _tools(),
    )


def check_built(checks: Checks, one: Built, tree: Path, place: Path, n: int = 1) -> None:
    """Check an sdist and a wheel against the tree they were built from.

    Parameters
    ----------
    checks : takes the lines.
    one : what was built from the tree.
    tree : a copy of what git has.
    place : a directory for other builds.
    n : how many more times both are built.
    """
    names = tracked(PROJECT)
    checks.run("build", "the wheel has what it must", lambda: contents_held(one.wheel, tree, names))
    checks.run("build", "the sdist has what it must", lambda: sdist_held(one.sdist, tree, names))
    checks.run("build", "metadata and README", lambda: metadata_held(one.wheel, tree))
    checks.run("build", "built again: the same bytes", lambda: _again(one, place, n))
    checks.run("build", "the sdist's wheel is the tree's", lambda: _from_sdist(one, place))


def _again(one: Built, place: Path, n: int) -> str:
    """Build elsewhere, with another umask, and with leftovers of other work beside the files."""
    rubbish = 0
    for number in range(n):
        tree = copy_tracked(PROJECT, place / f"again {number}" / "tree")
        rubbish = spoil(tree)
        other = built(tree, place / f"again {number}" / "built", umask=0o077)
        same_files(sdist_files(one.sdist), sdist_files(other.sdist), "sdists")
        same_files(wheel_files(one.wheel), wheel_files(other.wheel), "wheels")
        for this, that in ((one.sdist, other.sdist), (one.wheel, other.wheel)):
            must(sha256(this) == sha256(that), f"{this.name} has other bytes")
    return f"{n} more of each, in another directory, with another umask and {rubbish} leftovers"


def _from_sdist(one: Built, place: Path) -> str:
    top = unpack(one.sdist, place / "unpacked")
    other = built(top, place / "from sdist", wheel_only=True)
    same_files(wheel_files(one.wheel), wheel_files(other.wheel), "wheels")
    must(sha256(one.wheel) == sha256(other.wheel), "the wheel has other bytes")
    return f"{len(wheel_files(one.wheel))} files, the same bytes"


def _twine(one: Built, place: Path) -> str:
    words = [find_uv(), "tool", "run", "--no-config", "twine", "check", "--strict"]
    done = call([*words, str(one.sdist), str(one.wheel)], place)
    must(done.out.count("PASSED") == 2, done.last)
    return "2 passed"


def _check_installed(checks: Checks, one: Built, place: Path) -> None:
    constraint = PROJECT / "requirements.lock"
    python = interpreter(_LOWEST)
    for name, archive in (("wheel", one.wheel), ("sdist", one.sdist)):
        home = install(archive, place / f"installed {name}", python, constraint)
        check_installed(checks, f"installed {name}", home)
    home = install(one.wheel, place / "installed workbench", python, constraint, "workbench")
    check_workbench(checks, "installed wheel with workbench", home)
    # stubs of pandas, without which its types are unknown to a strict checker
    typed = install(one.wheel, place / "typed", python, constraint)
    call(
        [find_uv(), "pip", "install", "--quiet", "--no-config", "--python", typed.where
         / "bin/python", "pandas-stubs"], place,
    )  # fmt: skip
    at = typed.where / "bin/python"
    checks.run("types", "mypy --strict", lambda: mypy_agrees(place / "mypy", python=at))
    checks.run("types", "basedpyright", lambda: basedpyright_agrees(place / "pyright", at))


def _check_workflow(checks: Checks, tree: Path) -> None:
    def look() -> str:
        faults = catalogue_faults(tree)
        must(not faults, "; ".join(faults))
        rules = len(list((tree / "workflow" / "rules").glob("*.smk")))
        return f"layout, README, configuration, usage; {rules} files of rules"

    def lint() -> str:
        done = call([sys.executable, "-m", "snakemake", "--lint"], tree)
        must("good condition" in done.out + done.error, done.last)
        return "0 remarks"

    checks.run("workflow catalogue", "what it asks for", look)
    checks.run("workflow catalogue", "snakemake --lint", lint)


def _check_docs(checks: Checks, tree: Path, place: Path) -> None:
    site = place / "site"
    if checks.run("documentation", "mkdocs build --strict", lambda: built_site(tree, site)):
        checks.run("documentation", "links of the site", lambda: links_held(tree, site))
        checks.run("documentation", "links of other pages", lambda: sources_held(tree, site))


def _try_set(
    one: DependencySet, tree: Path, place: Path
) -> tuple[Line, DependencySet, Outcome | None]:
    found: list[Outcome] = []

    def look() -> str:
        outcome = tried(one, tree, place)
        found.append(outcome)
        must(outcome.failed == 0, f"{outcome.failed} tests fail: {', '.join(outcome.failures[:5])}")
        return f"{outcome.passed} tests passed, {outcome.skipped} skipped"

    line = looked("dependencies", one.name, look)
    return line, one, found[0] if found else None


def _lines(checks: Checks) -> Table:
    columns = ("subject", "check", "found", "not as it must be", "seconds")
    rows = tuple((o.subject, o.check, o.figure, o.problem, o.seconds) for o in checks.lines)
    return Table("Checks", columns, rows)


def _sets(outcomes: list[tuple[DependencySet, Outcome]]) -> Table:
    columns = ("set", "Python", "versions", "passed", "failed", "skipped", "seconds")
    rows = tuple(
        (
            one.name,
            one.python,
            ", ".join(" ".join(pair) for pair in o.versions.items()),
            o.passed,
            o.failed,
            o.skipped,
            o.seconds,
        )
        for one, o in outcomes
    )
    return Table("Sets of dependencies", columns, rows)


def _tests() -> Table:
    rows = tuple((place, len(names), ", ".join(names)) for place, names in TESTS.items())
    return Table("Tests run with each set", ("directory", "files", "test_*.py"), rows)


def _told(outcomes: list[tuple[DependencySet, Outcome]]) -> str:
    tests = sum(o.passed + o.failed for _, o in outcomes)
    return (
        "An sdist and a wheel were built by the pinned backend from a copy of what git has. Each "
        "was installed into an environment of its own with the three packages that the estimator "
        "needs, and used with an empty home, from a directory elsewhere. With each of "
        f"{len(outcomes)} sets of dependencies the tests below were run from the unpacked sdist, "
        f"{tests} tests in all."
    )


def _tools() -> dict[str, str]:
    found = {}
    for name in _TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
