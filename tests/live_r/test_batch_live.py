"""Many problems in one R: the same bits as one by one, and what an end of R costs the others."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

import pytest

from wemix_ref.cases import load_case
from wemix_ref.engines import get_engine, validate_record
from wemix_ref.engines.r_process import R_DIRECTORY, call_r, call_r_many
from wemix_ref.engines.r_values import double, text
from wemix_ref.engines.record import record_text

pytestmark = pytest.mark.live_r

LIMIT = 300.0
NAMES = ("sleepstudy-l2-slope", "three-level-school-slope", "four-level")


@pytest.fixture
def problems(project_root):
    def of(suffix):
        paths = [project_root / "config" / "cases" / f"{name}{suffix}.yaml" for name in NAMES]
        return [load_case(path).problem() for path in paths]

    return of


@pytest.mark.parametrize(("name", "suffix"), [("lme4", "-unweighted"), ("lme4-weighted", "")])
def test_a_batch_has_the_bits_of_single_fits(problems, name, suffix):
    engine = get_engine(name)
    sizes = zip(problems(suffix), (3, 4, 3), strict=True)
    listed = [(problem, {"half": [0.5] * n}) for problem, n in sizes]
    alone = [engine.fit(problem, thetas, timeout=LIMIT) for problem, thetas in listed]
    many = engine.fit_many([*listed, *listed[::-1]], timeout=LIMIT, matrices=True)
    bare = engine.fit_many(listed, timeout=LIMIT)
    for found, expected in zip(many, [*alone, *alone[::-1]], strict=True):
        validate_record(found.record)
        assert found.record["status"] == "ok", found.record["message"]
        assert record_text(found.record) == record_text(expected.record)
        assert found.matrices.equals(expected.matrices)
    for found, expected in zip(bare, alone, strict=True):
        validate_record(found.record)
        assert found.matrices is None
        for part in ("optimum", "at", "messages", "singular"):
            assert found.record[part] == expected.record[part]


def test_one_problem_that_fails_leaves_the_others_alone(problems):
    good = problems("")[0]
    broken = dataclasses.replace(good, weights=["W1", "W2", "W2"])
    unreadable = dataclasses.replace(good, formula="Reaction ~ Days + (1 |")
    refused = dataclasses.replace(good, weights=None, reml=True)
    listed = [(one, {}) for one in (good, broken, unreadable, refused, good)]
    results = get_engine("lme4-weighted").fit_many(listed, timeout=LIMIT)
    status = [result.record["status"] for result in results]
    assert status == ["ok", "failed", "failed", "refused", "ok"]
    assert "needs 2 weights, not 3" in results[1].record["message"]
    assert results[0].record["optimum"] == results[4].record["optimum"]


def scripts(tmp_path, body):
    path = tmp_path / "script.R"
    path.write_text(f"answer <- function(what, x) {{\n{body}\n}}\n", encoding="utf-8")
    return [R_DIRECTORY / "common.R", path]


def calls(*whats):
    return [{"what": text(what), "x": double([i])} for i, what in enumerate(whats)]


BODY = """
if (what == "kill") tools::pskill(Sys.getpid(), 9L)
if (what == "quit") quit(status = 4)
if (what == "stop") stop("no")
if (what == "sleep") Sys.sleep(60)
if (what == "leave") kept <<- 1
list(x = x * 2, kept = exists("kept"))
"""


def running(group):
    """Say whether a process of the group is there that is no zombie."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgid = path.read_text().rpartition(")")[2].split()[:3]
            if int(pgid) == group and state != "Z":
                return True
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="there is no /proc")


def test_a_crash_costs_only_its_own_call(tmp_path):
    found = call_r_many(
        scripts(tmp_path, BODY), "answer", calls("a", "kill", "b", "quit", "stop", "c"), timeout=60
    )
    assert [reply.status for reply in found] == ["ok", "failed", "ok", "failed", "failed", "ok"]
    assert [reply.ended for reply in found] == [False, True, False, True, False, False]
    assert "signal 9, SIGKILL" in found[1].message
    assert "ended without an answer" in found[3].message
    assert found[4].message == "no"
    assert [found[i].value["x"] for i in (0, 2, 5)] == [[0.0], [4.0], [10.0]]


def test_a_time_limit_costs_only_its_own_call(tmp_path):
    started = time.perf_counter()
    found = call_r_many(
        scripts(tmp_path, BODY), "answer", calls("a", "sleep", "b", "sleep", "c"), timeout=6
    )
    assert [reply.status for reply in found] == ["ok", "timeout", "ok", "timeout", "ok"]
    assert "time limit of 6 s" in found[1].message
    assert found[1].seconds >= 6
    assert [found[i].value["x"] for i in (0, 2, 4)] == [[0.0], [4.0], [8.0]]
    assert time.perf_counter() - started < 40


@needs_proc
def test_the_end_of_all_of_r_is_survived_too(tmp_path):
    body = """
    stat <- as.integer(strsplit(sub(".*[)] . ", "", readLines("/proc/self/stat")), " ")[[1]][1:2])
    if (what == "end") { tools::pskill(stat[1], 9L); Sys.sleep(60) }
    list(parent = stat[1], group = stat[2])
    """
    found = call_r_many(scripts(tmp_path, body), "answer", calls(*"ab", "end", "c"), timeout=60)
    assert [reply.status for reply in found] == ["ok", "ok", "failed", "ok"]
    assert [reply.ended for reply in found] == [False, False, True, False]
    assert "SIGKILL" in found[2].message
    parents = [found[i].value["parent"][0] for i in (0, 1, 3)]
    assert parents[0] == parents[1] != parents[2]
    assert not running(found[0].value["group"][0])


def test_calls_know_nothing_of_each_other(tmp_path):
    found = call_r_many(scripts(tmp_path, BODY), "answer", calls("leave", "a"), timeout=60)
    assert [reply.value["kept"] for reply in found] == [[True], [False]]


def test_no_calls_no_replies_and_a_missing_package_is_left_to_the_call(tmp_path):
    files = scripts(tmp_path, 'need("a.package.that.is.not")')
    packages = ["a.package.that.is.not"]
    assert call_r_many(files, "answer", [], timeout=60, packages=packages) == []
    found = call_r_many(files, "answer", calls("a", "b"), timeout=60, packages=packages)
    assert [reply.status for reply in found] == ["unavailable"] * 2
    assert call_r(files, "answer", calls("a")[0], timeout=60).status == "unavailable"
