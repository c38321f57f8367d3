"""The live_r marker and the check of .ci/run that such tests ran where R is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest

MARKED = """
import pytest

@pytest.mark.live_r
def test_passes(): pass

@pytest.mark.live_r
def test_fails(): assert False

def test_of_no_r(): pass
"""

FAKE_WORKBENCH = """#!/bin/sh
echo "$*" >>calls.log
echo "data: ${WEMIX_REF_DATA:-}" >>calls.log
[ "$1" != test ] || echo "$FAKE_COUNT" >"$WEMIX_REF_LIVE_R_COUNT"
[ "$1" != "$FAKE_FAILS" ]
"""

FAKE_R = """#!/bin/sh
echo 9.9.9 "$FAKE_R_PACKAGES"
"""


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run_marked(
    project_root: Path, where: Path, options: tuple[str, ...] = (), **env: str
) -> tuple[str, int]:
    """Run the three tests above under the project's conftest; return the output and the count."""
    tests = where / "tests"
    tests.mkdir()
    shutil.copy(project_root / "pyproject.toml", where)
    shutil.copy(project_root / "tests" / "conftest.py", tests)
    (tests / "test_marked.py").write_text(MARKED)
    count = where / "count"
    clean = {k: v for k, v in os.environ.items() if k != "WEMIX_REF_NO_R"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=where, env=clean | {"WEMIX_REF_LIVE_R_COUNT": str(count)} | env,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ran.stdout, int(count.read_text())


@pytest.mark.parametrize("options", [(), ("-n", "2"), ("-n", "2", "--dist", "loadfile")])
def test_live_tests_run_and_are_counted_where_r_has_lme4(
    project_root: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    if options:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    executable(tmp_path / "bin" / "R", FAKE_R)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    output, count = run_marked(project_root, tmp_path, options, PATH=path, FAKE_R_PACKAGES="lme4")
    assert count == 2
    assert "live_r tests that ran: 2 (R with lme4 is there)" in output
    assert "1 failed, 2 passed" in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"WEMIX_REF_NO_R": "1"}, "WEMIX_REF_NO_R is set"),
        ({"FAKE_R_PACKAGES": "nlme"}, "R 9.9.9 nlme has no lme4"),
        ({"PATH": "/nonexistent"}, "R is not on PATH"),
    ],
)
def test_live_tests_are_left_out_with_the_reason(
    project_root: Path, tmp_path: Path, env: dict[str, str], reason: str
) -> None:
    executable(tmp_path / "bin" / "R", FAKE_R)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    output, count = run_marked(project_root, tmp_path, **({"PATH": path} | env))
    assert count == 0
    assert output.count(f": {reason}\n") == 2
    assert "1 passed, 2 skipped" in output.splitlines()[-1]


def test_units_of_work_are_files_or_several_that_share(project_root: Path) -> None:
    assert conftest.unit_of_work("tests/unit/test_ci.py::test_a[x::y]") == "unit/test_ci.py"
    shared = {conftest.unit_of_work(f"tests/{path}::test_a") for path in conftest.TOGETHER}
    assert shared == set(conftest.TOGETHER.values())
    named = {*conftest.TOGETHER, *conftest.LONGEST} - shared
    assert [path for path in named if not (project_root / "tests" / path).is_file()] == []
    assert shared <= set(conftest.LONGEST)


class FakeCheckout:
    """A directory with .ci/run, a stand-in for ./workbench and one for R."""

    def __init__(self, source: Path, where: Path) -> None:
        self.root = where / "a check out"
        (self.root / ".ci").mkdir(parents=True)
        shutil.copy(source / ".ci" / "run", self.root / ".ci" / "run")
        executable(self.root / "workbench", FAKE_WORKBENCH)
        executable(where / "bin" / "R", FAKE_R)
        self.path = f"{where / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def ci(self, count: int, fails: str = "", **env: str) -> tuple[int, list[str]]:
        ran = subprocess.run(
            [self.root / ".ci" / "run"],
            env={"PATH": self.path, "FAKE_COUNT": str(count), "FAKE_FAILS": fails} | env,
            cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        return ran.returncode, (self.root / "calls.log").read_text().splitlines()[::2]


@pytest.fixture
def checkout(project_root: Path, tmp_path: Path) -> FakeCheckout:
    return FakeCheckout(project_root, tmp_path)


SET_UP = "setup --cluster"


def test_ci_runs_both_commands(checkout: FakeCheckout) -> None:
    assert checkout.ci(count=3) == (0, [SET_UP, "test", "run --cores 2"])


def test_ci_fails_where_r_is_and_no_live_test_ran(checkout: FakeCheckout) -> None:
    assert checkout.ci(count=0) == (1, [SET_UP, "test"])


def test_ci_asks_no_live_test_with_r_turned_off(checkout: FakeCheckout) -> None:
    assert checkout.ci(count=0, WEMIX_REF_NO_R="1") == (0, [SET_UP, "test", "run --cores 2"])


@pytest.mark.parametrize(("fails", "called"), [("setup", 1), ("test", 2), ("run", 3)])
def test_ci_fails_with_either_command(checkout: FakeCheckout, fails: str, called: int) -> None:
    code, calls = checkout.ci(count=3, fails=fails)
    assert code != 0
    assert len(calls) == called


def test_ci_finds_the_data_beside_the_checkout(checkout: FakeCheckout) -> None:
    data = checkout.root.parent / "shared" / "data"
    data.mkdir(parents=True)
    checkout.ci(count=1)
    told = (checkout.root / "calls.log").read_text().splitlines()[1::2]
    assert told == [f"data: {data}"] * 3
