"""The repository is as the catalogue of Snakemake workflows asks; what is not is named."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from wemix_ref.reliability.catalogue import CATALOGUE_FILE, catalogue_faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_catalogue_finds_nothing_to_ask_for(project_root: Path) -> None:
    assert catalogue_faults(project_root) == []
    # a plain `snakemake` takes this one
    assert 'include: "workflow/Snakefile"' in (project_root / "Snakefile").read_text()


@pytest.fixture
def copy(project_root: Path, tmp_path: Path) -> Path:
    for name in ("README.md", CATALOGUE_FILE, "config/README.md", "workflow/Snakefile"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(project_root / name, tmp_path / name)
    shutil.copytree(project_root / "workflow/rules", tmp_path / "workflow/rules")
    assert catalogue_faults(tmp_path) == []
    return tmp_path


def moved_up(root: Path) -> None:
    (root / "workflow/Snakefile").rename(root / "Snakefile")


def without_rules(root: Path) -> None:
    for path in (root / "workflow/rules").glob("*.smk"):
        path.rename(path.with_suffix(".py"))


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def replace(root: Path) -> None:
        text = (root / CATALOGUE_FILE).read_text()
        assert old in text
        (root / CATALOGUE_FILE).write_text(text.replace(old, new))

    return replace


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (moved_up, "workflow/Snakefile must be there"),
        (without_rules, r"end on \.smk"),
        (lambda root: (root / "README.md").write_text("A package."), "'snakemake'"),
        (lambda root: (root / "config/README.md").unlink(), r"config/README\.md"),
        (lambda root: (root / CATALOGUE_FILE).unlink(), "must be there"),
        (lambda root: (root / CATALOGUE_FILE).write_text("usage: ["), "catalog"),
        (lambda root: (root / CATALOGUE_FILE).write_text("usages: {}"), "usage and nothing else"),
        (lambda root: (root / CATALOGUE_FILE).write_text("usage: 3"), "must be a mapping"),
        (replaced("report: true", "report: maybe"), "report must be true or false"),
        (replaced("report: true", "reports: true"), "reports is read by nothing"),
        (replaced("conda: false", "conda: no idea"), "conda must be one of"),
        (replaced("conda: false", "conda_: false"), "conda_ must be one of"),
        (replaced('flags: ""', "flags: 3"), "flags text"),
        (replaced('    flags: ""\n', ""), "must have desc and flags"),
    ],
)
def test_what_the_catalogue_would_not_take_is_named(
    copy: Path, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(copy)
    faults = catalogue_faults(copy)
    assert any(re.search(told, fault) for fault in faults), faults
