"""What is built: complete, nothing else, the same each time; and what is wrong is noticed."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from wemix_ref.reliability import packaging
from wemix_ref.reliability.packaging_build import (
    LEFT_OUT,
    Built,
    built,
    contents_held,
    copy_tracked,
    metadata_held,
    sdist_held,
    tracked,
    wheel_files,
)
from wemix_ref.reliability.packaging_checks import CheckError, Checks
from wemix_ref.reliability.packaging_install import check_installed, check_workbench, without_extras
from wemix_ref.reliability.packaging_types import mypy_agrees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def _a_checkout(project_root: Path) -> None:
    if not (project_root / ".git").exists():
        pytest.skip("what git has is held against what is built: this is no git checkout")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packaging")


@pytest.fixture(scope="module")
def tree(project_root: Path, place: Path) -> Path:
    return copy_tracked(project_root, place / "tree")


@pytest.fixture(scope="module")
def archives(tree: Path, place: Path) -> Built:
    return built(tree, place / "built")


def test_what_is_built_is_as_it_must_be(archives: Built, tree: Path, place: Path) -> None:
    checks = Checks([].append)
    packaging.check_built(checks, archives, tree, place)
    assert len(checks.lines) == 5
    assert [line.problem for line in checks.lines if line.problem] == []
    assert all(line.figure for line in checks.lines)


def test_without_extras_it_fits_and_says_what_is_missing(archives: Built, tmp_path: Path) -> None:
    checks = Checks([].append)
    check_installed(checks, "unpacked", without_extras(archives.wheel, tmp_path))
    assert len(checks.lines) == 6
    assert [line.problem for line in checks.lines if line.problem] == []
    loaded = next(line.figure for line in checks.lines if "import" in line.check)
    assert int(loaded.split()[0]) > 200


def test_with_the_workbench_it_checks_studies(archives: Built, tmp_path: Path) -> None:
    checks = Checks([].append)
    check_workbench(checks, "unpacked", without_extras(archives.wheel, tmp_path, ["numba", "rpy2"]))
    assert [line.problem for line in checks.lines] == [""]


def test_its_types_pass_right_uses_and_no_wrong_one(archives: Built, tmp_path: Path) -> None:
    with zipfile.ZipFile(archives.wheel) as wheel:
        wheel.extractall(tmp_path / "site")
    told = mypy_agrees(tmp_path / "work", site=tmp_path / "site")
    assert told.startswith("10 wrong uses are errors")


def rewritten(wheel: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    files = wheel_files(wheel)
    change(files)
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.pop(name) and None


def with_one(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: content})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("wemix_ref/py.typed"), "1 files are missing.*py.typed"),
        (without("wemix_ref/schemas/study.schema.yaml"), "missing.*study.schema"),
        (without("wemix_ref/report/templates/fit.html.j2"), r"missing.*fit\.html"),
        (with_one("wemix_ref/notes.txt", b""), "1 files should not be there.*notes"),
        (with_one("tests/test_a.py", b""), "1 files should not be there.*test_a"),
        (with_one("wemix_ref/fit.py", b"other"), "1 files are not those of the tree.*fit.py"),
        (without("wemix_ref-0.1.0.dist-info/RECORD"), "lacks RECORD"),
        (with_one("wemix_ref-0.1.0.dist-info/licenses/LICENSE", b""), "another LICENSE"),
    ],
)
def test_a_wheel_that_lacks_or_adds_something_is_refused(
    archives: Built, tree: Path, project_root: Path, tmp_path: Path,
    change: Callable[[dict[str, bytes]], None], told: str,
) -> None:  # fmt: skip
    version = archives.wheel.name.split("-")[1]

    def of_this_version(files: dict[str, bytes]) -> None:
        renamed = {name.replace(version, "0.1.0"): content for name, content in files.items()}
        files.clear()
        files.update(renamed)
        change(files)

    wheel = rewritten(archives.wheel, tmp_path / archives.wheel.name, of_this_version)
    with pytest.raises(CheckError, match=told):
        contents_held(wheel, tree, tracked(project_root))


def test_an_sdist_that_lacks_or_adds_a_file_is_refused(
    archives: Built, tree: Path, project_root: Path
) -> None:
    names = tracked(project_root)
    assert set(names) >= LEFT_OUT
    (tree / "unknown.py").write_text("", encoding="utf-8")
    with pytest.raises(CheckError, match=r"1 files are missing.*unknown\.py"):
        sdist_held(archives.sdist, tree, [*names, "unknown.py"])
    (tree / "unknown.py").unlink()
    with pytest.raises(CheckError, match=r"1 files should not be there.*workbench"):
        sdist_held(archives.sdist, tree, [name for name in names if name != "workbench"])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"Topic :: Scientific/Engineering :: Math", b"Topic :: Algebra", "unknown classifiers"),
        (b"Metadata-Version: 2.4", b"Metadata-Version: 9.9", "9.9"),
        (b"Requires-Python: <3.14,>=3.11", b"Requires-Python: <3.13,>=3.11", r"not allowed.*3\.13"),
        (b"Provides-Extra: fast\n", b"", "extras"),
        (b"text/markdown", b"text/x-rst", "not Markdown"),
        (b"License-Expression: BSD-3-Clause", b"License-Expression: MIT", "another licence"),
        (b"## Fit your own data", b"Fit your own data", "another README"),
    ],
)
def test_metadata_that_are_wrong_are_refused(
    archives: Built, tree: Path, tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    def change(files: dict[str, bytes]) -> None:
        (name,) = (name for name in files if name.endswith("/METADATA"))
        assert old in files[name]
        files[name] = files[name].replace(old, new)

    wheel = rewritten(archives.wheel, tmp_path / archives.wheel.name, change)
    with pytest.raises(CheckError, match=told):
        metadata_held(wheel, tree)


def test_a_build_that_differs_is_noticed(
    archives: Built, tree: Path, place: Path, tmp_path: Path
) -> None:
    other = tmp_path / archives.sdist.name
    with tarfile.open(archives.sdist) as source, tarfile.open(other, "w:gz") as target:
        for member in source:
            stream = source.extractfile(member)
            content = b"" if stream is None else stream.read()
            if member.name.partition("/")[2] == "README.md":
                content += b"\n"
                member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    with pytest.raises(CheckError, match=r"sdists: 1 files differ.*README"):
        packaging._again(Built(other, archives.wheel), tmp_path, 1)
    shutil.rmtree(tmp_path / "again 0")


def test_a_check_that_fails_is_kept_and_the_next_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    checks = Checks(told.append)

    def wrong() -> str:
        raise CheckError("a file is missing")

    assert not checks.run("build", "one", wrong)
    assert checks.run("build", "two", lambda: "3 files")
    assert [line.problem for line in checks.lines] == ["a file is missing", ""]
    assert told[0] == "build: one: NOT as it must be: a file is missing"
