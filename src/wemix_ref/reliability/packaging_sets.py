"""Sets of dependencies, from the lowest versions to the newest, and the tests with each."""

from __future__ import annotations

import json
import os
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from wemix_ref.reliability.packaging_checks import CheckError, call, find_uv, must

__all__ = ["SETS", "TESTS", "DependencySet", "Outcome", "counted", "interpreter", "tried"]

_LIMIT = 2400.0
_EXTRAS = ("workbench", "fast", "statsmodels", "dev", "docs", "setup")
#: Libraries whose versions are shown.
_SHOWN = ("numpy", "scipy", "pandas", "numba", "pyarrow", "matplotlib", "statsmodels", "polars")


#: Tests that are run with every set: the estimator and its results, every door that data come
#: through, files of tables, and pictures. Neither R nor whole runs of Snakemake are among them.
TESTS = {
    "tests/unit": (
        "adjustments", "batch", "cli", "csv_numbers", "design_arrays", "empty_groups",
        "expressions", "fit_rows", "frames", "grouping", "kernels_rows", "labels", "many",
        "marginal", "mix", "model_matrix", "prediction", "presentation", "rank", "same_bits",
        "scaling", "serialise", "storage", "study_looks", "study_results", "table", "testing",
        "weighting",
    ),
    "tests/identities": ("conditional_modes", "invariance", "paper_steps", "replication"),
}  # fmt: skip


@dataclass(frozen=True)
class DependencySet:
    """One set of versions.

    Attributes
    ----------
    name : for the page.
    python : version of the interpreter.
    resolution : of uv: which of the allowed versions are taken.
    limits : further bounds.
    without : packages that are taken away again.
    """

    name: str
    python: str
    resolution: str
    limits: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


SETS = (
    DependencySet("lowest allowed", "3.11", "lowest-direct"),
    DependencySet("newest", "3.13", "highest"),
    DependencySet(
        "newest with pandas 2, without numba",
        "3.12",
        "highest",
        ("pandas<3",),
        ("numba", "llvmlite"),
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What the tests of one set gave.

    Attributes
    ----------
    versions : of `_SHOWN`, by name.
    passed, failed, skipped : tests; an error counts as failed.
    seconds : of the tests.
    failures : names of the tests that failed.
    """

    versions: dict[str, str]
    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: tuple[str, ...]


def interpreter(version: str) -> str:
    """Return an interpreter of a version.

    It is the one that a variable such as WEMIX_REF_PYTHON313 names, else one that uv finds here,
    or else one that uv fetches.

    Raises
    ------
    CheckError
        There is none.
    """
    variable = f"WEMIX_REF_PYTHON{version.replace('.', '')}"
    if named := os.environ.get(variable):
        return named
    uv = find_uv()
    done = call([uv, "python", "find", "--no-config", "--no-project", "--system", version],
                Path("/"), fails=True)  # fmt: skip
    if done.code != 0:
        got = call([uv, "python", "install", "--no-config", version], Path("/"), fails=True)
        told = f"no Python {version} is here or can be fetched; name one by {variable}: {got.last}"
        must(got.code == 0, told)
        done = call([uv, "python", "find", "--no-config", "--no-project", version], Path("/"))
    return done.out.strip()


def tried(
    one: DependencySet, tree: Path, place: Path, *, extras: tuple[str, ...] = _EXTRAS
) -> Outcome:
    """Make the environment, install the tree in place, and run the tests.

    Parameters
    ----------
    one : the set.
    tree : the unpacked sdist, which is tested.
    place : a directory for the environment; it is made.
    extras : of the package, that are installed.

    Raises
    ------
    CheckError
        The versions cannot be resolved or installed, or pytest did not run.
    """
    place.mkdir(parents=True)
    uv, environment = find_uv(), str(place / "env")
    python = f"{environment}/bin/python"
    wanted = interpreter(one.python)
    call([uv, "venv", "--quiet", "--no-project", "--python", wanted, environment], place)
    limits = place / "limits.txt"
    limits.write_text("".join(f"{text}\n" for text in one.limits), encoding="utf-8")
    words = [uv, "pip", "compile", "--no-config", "--quiet", "--no-header", "--no-annotate"]
    words += ["--python", python, "--resolution", one.resolution, "--constraint", str(limits)]
    for extra in extras:
        words += ["--extra", extra]
    call([*words, "--output-file", str(place / "set.txt"), "pyproject.toml"], tree)
    install = [uv, "pip", "install", "--no-config", "--quiet", "--python", python]
    call([*install, "--requirement", str(place / "set.txt")], tree)
    call([*install, "--no-deps", "--editable", str(tree)], tree)
    if one.without:
        call([uv, "pip", "uninstall", "--quiet", "--python", python, *one.without], tree)
    listed = call([uv, "pip", "list", "--no-config", "--format", "json", "--python", python], tree)
    versions = {entry["name"]: entry["version"] for entry in json.loads(listed.out)}
    shown = {name: versions[name] for name in ("python", *_SHOWN) if name in versions}
    return _tested(tree, place, python, shown)


def _tested(tree: Path, place: Path, python: str, versions: dict[str, str]) -> Outcome:
    home = place / "home"
    home.mkdir()
    environment = {
        "PATH": f"{Path(python).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "WEMIX_REF_NO_R": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_CACHE_DIR": str(place / "numba"),
    }
    files = [f"{place}/test_{name}.py" for place, names in TESTS.items() for name in names]
    told = place / "junit.xml"
    begun = time.monotonic()
    words = [python, "-m", "pytest", "-q", "-m", "not slow and not live_r"]
    words += ["-p", "no:cacheprovider", f"--junitxml={told}", f"--basetemp={place / 'tmp'}"]
    done = call([*words, *files], tree, environment, limit=_LIMIT, fails=True)
    if not told.is_file():
        raise CheckError(f"pytest ended with code {done.code}: {done.last}")
    return counted(told, versions, time.monotonic() - begun)


def counted(junit: Path, versions: dict[str, str], seconds: float) -> Outcome:
    """Count the tests of a report in JUnit's form."""
    cases = list(ET.parse(junit).getroot().iter("testcase"))
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    names = tuple(f"{case.get('classname', '')}.{case.get('name')}" for case in failed)
    must(bool(cases), "no test was run")
    passed = len(cases) - len(failed) - skipped
    return Outcome(versions, passed, len(failed), skipped, seconds, names)
