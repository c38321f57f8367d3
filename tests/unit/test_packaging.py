"""What the packaging files say of one another: versions, names and pins agree."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import wemix_ref

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHONS = ["3.11", "3.12", "3.13"]
# conda's name, where it is not PyPI's.
CONDA_NAMES = {"matplotlib-base": "matplotlib"}
LOCKS = ["requirements.lock", "requirements-cluster.lock"]
# Named by conda alone: its interpreter and installer.
CONDA_ONLY = {"python", "pip"}


@pytest.fixture(scope="module")
def pyproject(project_root: Path) -> dict:
    return tomllib.loads((project_root / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def project(pyproject: dict) -> dict:
    return pyproject["project"]


@pytest.fixture(scope="module")
def lock_text(project_root: Path) -> str:
    return (project_root / "requirements.lock").read_text("utf-8")


@pytest.fixture(scope="module", params=LOCKS)
def any_lock_text(project_root: Path, request: pytest.FixtureRequest) -> str:
    return (project_root / request.param).read_text("utf-8")


@pytest.fixture(scope="module")
def cluster_lock_text(project_root: Path) -> str:
    return (project_root / "requirements-cluster.lock").read_text("utf-8")


def lock_entries(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield each requirement of a lock with its hashes."""
    logical = text.replace("\\\n", " ")
    for line in logical.splitlines():
        if line and not line.startswith((" ", "#")):
            requirement, *hashes = line.split(" --hash=")
            yield Requirement(requirement), [h.strip() for h in hashes]


def locked_versions(text: str, python: str) -> dict[str, Version]:
    """Return the versions that a lock gives to one Python on Linux, by canonical name."""
    target = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    found: dict[str, Version] = {}
    for requirement, _ in lock_entries(text):
        if requirement.marker is None or requirement.marker.evaluate(target):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is locked twice for Python {python}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            found[name] = Version(pin.version)
    return found


def direct_requirements(project: dict, *extras: str) -> dict[str, Requirement]:
    texts = [*project["dependencies"]]
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    requirements = [Requirement(text) for text in texts]
    return {canonicalize_name(r.name): r for r in requirements}


def conda_requirements(project_root: Path) -> dict[str, SpecifierSet]:
    """Return the bounds of environment.yml by name, PyPI's where the two differ."""
    environment = yaml.safe_load((project_root / "environment.yml").read_text("utf-8"))
    found = {}
    for entry in environment["dependencies"]:
        if isinstance(entry, str):
            name, _, bounds = entry.partition(" ")
            found[CONDA_NAMES.get(name, name)] = SpecifierSet(bounds)
    return found


def test_the_version_stands_in_one_place(project_root: Path, project: dict) -> None:
    assert "version" in project["dynamic"]
    assert metadata.version("wemix-ref") == wemix_ref.__version__
    files = [
        *project_root.glob("*.toml"),
        *(project_root / "src").rglob("*.py"),
    ]
    assigned = re.compile(r"^(__version__|version)\s*[:=]\s*[\"']?\d", re.MULTILINE)
    holding = [f for f in files if assigned.search(f.read_text("utf-8"))]
    assert holding == [project_root / "src/wemix_ref/__init__.py"]


def test_the_citation_names_no_other_version(project_root: Path) -> None:
    cited = yaml.safe_load((project_root / "CITATION.cff").read_text("utf-8"))
    assert cited.get("version", wemix_ref.__version__) == wemix_ref.__version__
    assert ("version" in cited) == ("date-released" in cited)


def test_the_estimator_needs_numpy_scipy_and_pandas_alone(project: dict) -> None:
    assert set(direct_requirements(project)) == {"numpy", "scipy", "pandas"}


def test_every_locked_package_has_hashes(any_lock_text: str) -> None:
    entries = list(lock_entries(any_lock_text))
    assert len(entries) == len(re.findall(r"(?m)^\S+==", any_lock_text)) > 0
    bare = [str(requirement) for requirement, hashes in entries if not hashes]
    assert bare == []
    digests = {h for _, hashes in entries for h in hashes}
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)


def test_the_locks_name_no_host_and_no_path(any_lock_text: str) -> None:
    outside_hashes = re.sub(r"sha256:[0-9a-f]{64}", "", any_lock_text)
    assert "://" not in outside_hashes
    assert " @ " not in outside_hashes
    options = set(re.findall(r"(?m)(?:^|\s)(-{1,2}[a-z][a-z-]*)", outside_hashes))
    assert options == {"--hash"}
    comments = [line for line in any_lock_text.splitlines() if line.startswith("#")]
    assert not any(re.search(r"(?<![\w.])/\w", line) for line in comments)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_serves_every_requirement(project: dict, lock_text: str, python: str) -> None:
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.0")
    locked = locked_versions(lock_text, python)
    wanted = direct_requirements(project, *project["optional-dependencies"])
    unmet = {
        name: str(requirement)
        for name, requirement in wanted.items()
        if name not in locked or locked[name] not in requirement.specifier
    }
    assert unmet == {}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_plugins_for_clusters_are_locked_apart(
    pyproject: dict, lock_text: str, cluster_lock_text: str, python: str
) -> None:
    locked = locked_versions(cluster_lock_text, python)
    wanted = [Requirement(text) for text in pyproject["dependency-groups"]["cluster"]]
    assert len(wanted) == 2
    assert [str(r) for r in wanted if locked[r.name] not in r.specifier] == []
    assert locked.keys() & locked_versions(lock_text, python).keys() == set()
    assert all(name.startswith("snakemake-executor-plugin-") for name in locked)


def test_what_the_plugins_need_is_in_the_environment(
    project_root: Path, lock_text: str, cluster_lock_text: str
) -> None:
    plugins = project_root / ".cluster-plugins"
    if not (plugins / ".workbench").is_file():
        pytest.skip("Snakemake's plugins for clusters are not here: ./workbench setup --cluster")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    locked = locked_versions(lock_text, python) | locked_versions(cluster_lock_text, python)
    installed = list(metadata.distributions(path=[str(plugins)]))
    assert {d.name: Version(d.version) for d in installed} == locked_versions(
        cluster_lock_text, python
    )
    needs = [Requirement(text) for d in installed for text in d.requires or []]
    assert len(needs) > 5
    unmet = [
        str(r)
        for r in needs
        if (r.marker is None or r.marker.evaluate({"extra": ""}))
        and (r.name not in locked or locked[canonicalize_name(r.name)] not in r.specifier)
    ]
    assert unmet == []


def test_rpy2_is_pinned_to_the_three_that_go_together(project: dict) -> None:
    pins = {
        r.name: str(r.specifier) for r in map(Requirement, project["optional-dependencies"]["r"])
    }
    assert pins == {"rpy2": "==3.6.6", "rpy2-rinterface": "==3.6.5", "rpy2-robjects": "==3.6.6"}


def test_conda_names_what_the_workbench_needs(project_root: Path, project: dict) -> None:
    conda = conda_requirements(project_root)
    wanted = direct_requirements(project, "workbench", "r")
    # conda's rpy2 is one package, its snakemake has no extras and so needs pygments by name.
    needed = set(wanted) - {"rpy2-rinterface", "rpy2-robjects"} | {"pygments"}
    assert needed - set(conda) == set()


def test_conda_bounds_are_those_of_the_project(project_root: Path, project: dict) -> None:
    conda = conda_requirements(project_root)
    wanted = direct_requirements(project, "workbench", "dev")
    differing = {
        name: (str(bounds), str(wanted[name].specifier))
        for name, bounds in conda.items()
        if name in wanted and bounds != wanted[name].specifier
    }
    assert differing == {}
    assert conda["python"] == SpecifierSet(project["requires-python"])


@pytest.mark.parametrize("python", PYTHONS)
def test_conda_names_are_in_the_lock(project_root: Path, lock_text: str, python: str) -> None:
    locked = locked_versions(lock_text, python)
    python_side = {
        name: bounds
        for name, bounds in conda_requirements(project_root).items()
        if name not in CONDA_ONLY and not name.startswith("r-")
    }
    assert len(python_side) > 10
    outside = {n: str(b) for n, b in python_side.items() if n not in locked or locked[n] not in b}
    assert outside == {}


def test_one_list_of_r_packages(project_root: Path) -> None:
    script = (project_root / "workbench").read_text("utf-8")
    (debian,) = re.findall(r'^debian_r="([^"]*)"$', script, re.MULTILINE)
    ci = yaml.safe_load((project_root / ".github/workflows/ci.yml").read_text("utf-8"))
    assert ci["env"]["R_PACKAGES"] == debian
    of_debian = {n.removeprefix("r-cran-") for n in debian.split() if n.startswith("r-cran-")}
    (asked,) = re.findall(r"for \(p in c\(([^)]*)\)\)", script)
    assert {name.strip('" ').lower() for name in asked.split(",")} == of_debian
    of_conda = {n.removeprefix("r-") for n in conda_requirements(project_root) if n[:2] == "r-"}
    assert of_conda == of_debian | {"base", "wemix"}


def test_the_licence_is_the_same_everywhere(project_root: Path, project: dict) -> None:
    citation = yaml.safe_load((project_root / "CITATION.cff").read_text("utf-8"))
    assert citation["license"] == project["license"] == "BSD-3-Clause"
    assert "BSD 3-Clause" in (project_root / "LICENSE").read_text("utf-8")


#: Modules that only some uses need; the first fit loads numba and SciPy's linear algebra.
HEAVY = (
    "matplotlib",
    "numba",
    "polars",
    "rpy2",
    "scipy.optimize",
    "scipy.sparse.linalg",
    "scipy.special",
    "scipy.stats",
    "snakemake",
    "statsmodels",
    "yaml",
)


def test_importing_the_estimator_loads_no_more_than_it_needs():
    found = subprocess.run(
        [sys.executable, "-c", "from wemix_ref import mix; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "wemix_ref.fit" in found
    assert [name for name in HEAVY if name in found] == []
