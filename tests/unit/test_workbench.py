"""The script ./workbench, with a stand-in for uv: what it sets up, when, and what it then calls."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Logs its arguments; answers what the script asks; `venv` makes a bin/ whose programs print
# what they were called with.
FAKE_UV = r"""#!/bin/sh
echo "$*" >>"$FAKE_UV_LOG"
case "$*" in
"pip sync --help") echo "--build-constraint" ;;
"pip sync"*)
    [ -z "${FAKE_UV_FAILS:-}" ] || exit 1
    [ "$6" != --target ] || mkdir "$7" ;;
venv*)
    for last; do :; done
    mkdir -p "$last/bin" "$last/site"
    : >"$last/site/_rinterface_cffi_abi.py"
    for name in python snakemake; do
        cat >"$last/bin/$name" <<'END'
#!/bin/sh
case "$*" in
*purelib*) echo "$(dirname "$0")/../site" ;;
*)
    printf '%s:' "$(basename "$0")" "$@"; echo; pwd; echo "HOME=$HOME"
    echo "PYTHONPATH=${PYTHONPATH:-}" ;;
esac
END
        chmod +x "$last/bin/$name"
    done ;;
esac
"""


class Checkout:
    """A copy of the files that ./workbench reads, and a PATH with the stand-in uv and no R."""

    def __init__(self, source: Path, where: Path) -> None:
        self.root = where / "a check out"
        self.root.mkdir()
        for name in (
            "workbench", "requirements.lock", "requirements-cluster.lock", "pyproject.toml",
            "profiles/slurm/config.yaml", "src/wemix_ref/elimination_loops.py",
            "src/wemix_ref/compiled.py",
        ):  # fmt: skip
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, self.root / name)
        tools = where / "tools"
        tools.mkdir()
        (tools / "uv").write_text(FAKE_UV)
        (tools / "uv").chmod(0o755)
        for name in ("sh", "cat", "cksum", "chmod", "dirname", "basename", "grep", "id", "mkdir",
                     "rm", "sed"):  # fmt: skip
            found = shutil.which(name)
            assert found is not None
            (tools / name).symlink_to(found)
        (tools / "python3").symlink_to(os.path.realpath(shutil.which("python3") or ""))
        self.log = where / "uv.log"
        self.log.touch()
        home = where / "home"
        home.mkdir()
        self.env = {"PATH": str(tools), "HOME": str(home), "FAKE_UV_LOG": str(self.log)}

    def call(
        self, *arguments: str, cwd: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.root / "workbench"), *arguments],
            env=self.env | env, cwd=cwd or "/", capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def uv_calls(self) -> list[str]:
        """Return uv's calls since the last time this was asked."""
        calls = self.log.read_text().splitlines()
        self.log.write_text("")
        return calls


@pytest.fixture
def checkout(project_root: Path, tmp_path: Path) -> Checkout:
    return Checkout(project_root, tmp_path)


def test_the_first_call_sets_up_and_the_second_does_nothing(checkout: Checkout) -> None:
    first = checkout.call("setup")
    assert first.returncode == 0, first.stderr
    calls = checkout.uv_calls()
    assert [c.split()[0] for c in calls] == ["pip", "venv", "pip", "pip"]
    sync, install = calls[-2:]
    assert "--require-hashes" in sync
    assert "--build-constraint requirements.lock" in sync
    assert "--no-deps" in install
    assert "--editable ." in install
    second = checkout.call("setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert checkout.uv_calls() == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "workbench"])
def test_a_changed_file_brings_the_environment_up_to_date(checkout: Checkout, name: str) -> None:
    checkout.call("setup")
    checkout.uv_calls()
    with (checkout.root / name).open("a") as file:
        file.write("# a change\n")
    assert checkout.call("setup").returncode == 0
    calls = checkout.uv_calls()
    assert any(c.startswith("pip sync --require-hashes") for c in calls)
    assert not any(c.startswith("venv") for c in calls)


def test_the_loops_are_compiled_once_and_again_when_they_change(checkout: Checkout) -> None:
    called = "python:-m:wemix_ref:compile:"
    assert checkout.call("setup").stderr.count(called) == 1
    assert called not in checkout.call("test").stderr
    with (checkout.root / "src/wemix_ref/elimination_loops.py").open("a") as file:
        file.write("# a change\n")
    ran = checkout.call("test", "-q", "x")
    assert ran.stderr.count(called) == 1
    assert called not in ran.stdout
    assert checkout.call("setup", "--again").stderr.count(called) == 1


def test_an_interrupted_set_up_is_taken_up_again(checkout: Checkout) -> None:
    failed = checkout.call("test", FAKE_UV_FAILS="1")
    assert failed.returncode != 0
    assert "call ./workbench again" in failed.stderr
    assert "pytest" not in failed.stdout
    checkout.uv_calls()
    assert checkout.call("setup").returncode == 0
    assert not any(c.startswith("venv") for c in checkout.uv_calls())


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout) -> None:
    checkout.call("setup")
    checkout.uv_calls()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved here"))
    assert checkout.call("setup").returncode == 0
    assert any(c.startswith("venv") for c in checkout.uv_calls())


REPORT = "--report:results/report.html:--report-after-run"


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], f"snakemake:{REPORT}:--cores:all:"),
        (["a b"], f"snakemake:{REPORT}:--cores:all:a b:"),
        (["--cores", "2"], f"snakemake:{REPORT}:--cores:2:"),
        (["--cores=2"], f"snakemake:{REPORT}:--cores=2:"),
        (["-c2", "x"], f"snakemake:{REPORT}:-c2:x:"),
        (["--jobs", "3"], f"snakemake:{REPORT}:--jobs:3:"),
        # no report of what is not there yet
        (["-n", "a b"], "snakemake:--cores:all:-n:a b:"),
        (["-c1", "studies", "--dry-run"], "snakemake:-c1:studies:--dry-run:"),
        (["-c1", "--unlock"], "snakemake:-c1:--unlock:"),
        (["-c1", "--report", "my.html"], "snakemake:-c1:--report:my.html:"),
    ],
)
def test_run_uses_all_cores_unless_told_and_ends_with_a_report(
    checkout: Checkout, given: list[str], called: str
) -> None:
    ran = checkout.call("run", *given)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[:2] == [called, str(checkout.root)]


def test_a_cluster_is_a_profile_and_plugins_of_their_own(checkout: Checkout) -> None:
    checkout.call("setup")
    checkout.uv_calls()
    ran = checkout.call("cluster", "slurm", "-n", "a b", PYTHONPATH="/else where")
    assert ran.returncode == 0, ran.stderr
    told = ran.stdout.splitlines()
    assert told[0] == "snakemake:--workflow-profile:profiles/slurm:-n:a b:"
    plugins = checkout.root / ".cluster-plugins"
    assert told[3] == f"PYTHONPATH={plugins}:/else where"
    (sync,) = [call for call in checkout.uv_calls() if not call.endswith("--help")]
    assert f"--target {plugins}" in sync
    assert "--require-hashes requirements-cluster.lock" in sync
    assert checkout.call("cluster", "slurm").stdout.splitlines()[3] == f"PYTHONPATH={plugins}"
    assert checkout.call("setup", "--cluster").returncode == 0
    assert checkout.uv_calls() == []
    assert checkout.call("run").stdout.splitlines()[3] == "PYTHONPATH="


def test_a_changed_lock_brings_the_plugins_up_to_date(checkout: Checkout) -> None:
    assert checkout.call("setup", "--cluster").returncode == 0
    checkout.uv_calls()
    with (checkout.root / "requirements-cluster.lock").open("a") as file:
        file.write("# a change\n")
    failed = checkout.call("cluster", "slurm", FAKE_UV_FAILS="1")
    assert failed.returncode != 0
    assert "call ./workbench again" in failed.stderr
    assert failed.stdout == ""
    checkout.uv_calls()
    assert checkout.call("cluster", "slurm").returncode == 0
    assert "--target" in checkout.uv_calls()[-1]


@pytest.mark.parametrize("arguments", [[], ["no-such-profile"], [""], ["--cores"]])
def test_a_cluster_without_a_profile_is_refused(checkout: Checkout, arguments: list[str]) -> None:
    refused = checkout.call("cluster", *arguments)
    assert refused.returncode == 2
    assert "a directory of profiles/" in refused.stderr
    assert checkout.uv_calls() == []


def test_both_locks_are_written_the_second_held_to_the_first(checkout: Checkout) -> None:
    assert checkout.call("lock", "--upgrade").returncode == 0
    calls = [call for call in checkout.uv_calls() if call.startswith("pip compile")]
    first, second = calls
    assert first.endswith("--all-extras --output-file requirements.lock --upgrade pyproject.toml")
    assert "--constraint requirements.lock" in second
    assert "--no-emit-package=snakemake --no-emit-package=snakemake-interface-common" in second
    assert second.endswith("--output-file requirements-cluster.lock --upgrade --group cluster")
    assert all("--generate-hashes" in call for call in calls)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], "-n:logical:--maxprocesses:8:"),
        (["-x", "--durations=9"], "-n:logical:--maxprocesses:8:-x:--durations=9:"),
        (["-k", "a or b"], "-k:a or b:"),
        (["tests/unit", "-q"], "tests/unit:-q:"),
        (["-n2"], "-n2:"),
        (["--collect-only"], "--collect-only:"),
    ],
)
def test_test_calls_pytest_at_the_top_on_all_cores_unless_tests_are_chosen(
    checkout: Checkout, tmp_path: Path, given: list[str], called: str
) -> None:
    ran = checkout.call("test", *given, cwd=tmp_path)
    assert ran.stdout.splitlines()[:2] == [f"python:-m:pytest:{called}", str(checkout.root)]


def test_release_calls_its_list_at_the_top(checkout: Checkout, tmp_path: Path) -> None:
    ran = checkout.call("release", "1.2.3", "--check-only", cwd=tmp_path)
    told = ran.stdout.splitlines()[:2]
    assert told == ["python:tools/release.py:1.2.3:--check-only:", str(checkout.root)]


@pytest.mark.parametrize("home", ["", "/nonexistent/home"])
def test_a_home_that_cannot_be_used_is_replaced(checkout: Checkout, home: str) -> None:
    ran = checkout.call("run", HOME=home)
    assert ran.stdout.splitlines()[2] == f"HOME={checkout.root / '.home'}"
    assert (checkout.root / ".home").is_dir()


@pytest.fixture
def no_root(checkout: Checkout) -> Checkout:
    """Make `id -u` say that the caller is not root, so that apt is out of the question."""
    identity = Path(checkout.env["PATH"]) / "id"
    identity.unlink()
    identity.write_text("#!/bin/sh\necho 1000\n")
    identity.chmod(0o755)
    return checkout


def test_without_r_it_says_how_to_add_it_once_and_goes_on(no_root: Checkout) -> None:
    first = no_root.call("run")
    assert first.returncode == 0
    assert "sudo apt-get install make r-base-core r-cran-lme4" in first.stderr
    assert "going on without R" in first.stderr
    assert no_root.call("run").stderr == ""


def test_r_turned_off_is_not_looked_for(no_root: Checkout) -> None:
    trap = Path(no_root.env["PATH"]) / "R"
    trap.write_text('#!/bin/sh\n: >"$FAKE_UV_LOG.r-was-called"\necho /usr/lib/R\n')
    trap.chmod(0o755)
    witness = Path(no_root.env["FAKE_UV_LOG"] + ".r-was-called")
    ran = no_root.call("setup", WEMIX_REF_NO_R="1")
    assert ran.returncode == 0
    assert not witness.exists()
    assert "apt-get" not in ran.stderr
    no_root.call("setup")
    assert witness.exists()


def test_an_interpreter_that_does_not_serve_is_refused(checkout: Checkout) -> None:
    refused = checkout.call("setup", WEMIX_REF_PYTHON="/nonexistent/python")
    assert refused.returncode != 0
    assert "WEMIX_REF_PYTHON=/nonexistent/python is not a Python 3.11 to 3.13" in refused.stderr
    assert checkout.uv_calls() == []


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["setup", "--nonsense"]])
def test_a_call_that_is_not_understood_shows_the_usage(
    checkout: Checkout, arguments: list[str]
) -> None:
    ran = checkout.call(*arguments)
    assert ran.returncode == 2
    assert "usage: ./workbench run" in ran.stderr
    assert checkout.uv_calls() == []


@pytest.mark.parametrize("shell", [s for s in ("sh", "dash", "bash") if shutil.which(s)])
def test_the_script_parses(project_root: Path, shell: str) -> None:
    script = project_root / "workbench"
    parsed = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
