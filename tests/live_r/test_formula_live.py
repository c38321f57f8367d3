"""Formulas mean what R says: model matrices against R's, random terms against lme4's."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wemix_ref.columns import FactorColumn, read_column
from wemix_ref.errors import DataError, FormulaError, WemixRefError
from wemix_ref.formula import parse_formula
from wemix_ref.grouping import lme4_order
from wemix_ref.model_matrix import model_frame, model_matrix

pytestmark = pytest.mark.live_r

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location(
    "formula_examples", HERE.parent / "formula_examples.py"
)
examples = importlib.util.module_from_spec(spec)
spec.loader.exec_module(examples)

Answer = dict[str, list[list[str]]]


def code_points(text: str) -> str:
    return " ".join(str(ord(c)) for c in text)


def write_frame(frame: pd.DataFrame, folder: Path) -> None:
    """One file a column: numbers in hexadecimal, factors as codes with their levels beside."""
    lines = []
    for number, name in enumerate(frame.columns, start=1):
        present = frame[name].notna().to_numpy()
        column = read_column(name, frame.loc[present, name])
        if isinstance(column, FactorColumn):
            kind = "ordered" if column.ordered else "factor"
            values = [str(code + 1) for code in column.codes]
            levels = "\n".join(code_points(level) for level in column.levels)
            (folder / f"levels{number:03d}.txt").write_text(levels + "\n")
        elif column.dtype == bool:
            kind, values = "logical", [str(bool(v)).upper() for v in column]
        elif column.dtype.kind == "i":
            kind, values = "integer", [str(v) for v in column]
        else:
            kind, values = "double", [float(v).hex() for v in column]
        shown = iter(values)
        cells = [next(shown) if there else "NA" for there in present]
        (folder / f"column{number:03d}.txt").write_text("\n".join(cells) + "\n")
        lines.append(f"{kind}\t{code_points(name)}")
    (folder / "columns.txt").write_text("\n".join(lines) + "\n")


def ask_r(frame: pd.DataFrame, texts: Sequence[str], task: str, folder: Path) -> list[Answer]:
    """R's answers, one a formula."""
    write_frame(frame, folder)
    (folder / "formulas.txt").write_text("\n".join(code_points(t) for t in texts) + "\n")
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = ["Rscript", "--vanilla", str(HERE / "model_matrices.R"), str(folder), task]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[Answer] = []
    for line in (folder / "answers.txt").read_text(encoding="utf-8").splitlines():
        key, *values = line.split("\t")
        if key == "formula":
            answers.append({})
        else:
            answers[-1].setdefault(key, []).append([v for v in values if v or len(values) > 1])
    assert len(answers) == len(texts)
    return answers


def numbers(values: Sequence[str]) -> np.ndarray:
    return np.array([float.fromhex(v) for v in values])


def differences(text: str, frame: pd.DataFrame, answer: Answer) -> list[str]:
    """What differs between our fixed part and R's; empty if nothing does."""
    formula = parse_formula(text)
    if "error" in answer:
        return [f"R refuses it: {answer['error'][0]}"]
    ours = model_frame(formula, frame)
    matrix = model_matrix(formula.fixed, ours)
    found = []
    rows = [str(r + 1) for r in np.flatnonzero(ours.kept)]
    if rows != answer["rows"][0]:
        return [f"rows: {rows} against {answer['rows'][0]}"]
    if list(matrix.names) != answer["names"][0]:
        return [f"names: {list(matrix.names)} against {answer['names'][0]}"]
    X = numbers(answer["X"][0]).reshape(matrix.values.shape, order="F")
    if not np.allclose(matrix.values, X, rtol=1e-12, atol=1e-12):
        found.append(f"X differs by {np.abs(matrix.values - X).max():.2e}")
    for key, mine in (("y", ours.response), ("offset", ours.offset)):
        if key in answer and not np.allclose(mine, numbers(answer[key][0]), rtol=1e-12, atol=1e-12):
            found.append(f"{key} differs")
    if "labels" in answer and list(formula.fixed.labels) != answer["labels"][0]:
        found.append(f"labels: {formula.fixed.labels} against {answer['labels'][0]}")
    if "assign" in answer and [str(a) for a in matrix.assign] != answer["assign"][0]:
        found.append(f"assign: {matrix.assign} against {answer['assign'][0]}")
    return found


def random_differences(text: str, frame: pd.DataFrame, answer: Answer) -> list[str]:
    """What differs between our random terms and lme4's; empty if nothing does."""
    found = differences(text, frame, answer)
    if found:
        return found
    formula = parse_formula(text)
    ours = model_frame(formula, frame)
    coded = [ours.group_codes(bar) for bar in formula.bars]
    order = lme4_order([len(labels) for _, labels in coded])
    terms, blocks, groups = [], [], {}
    for i in order:
        bar, (codes, labels) = formula.bars[i], coded[i]
        matrix = model_matrix(bar.terms, ours)
        terms.append([bar.group_name, *matrix.names])
        spread = np.zeros((len(codes), len(labels), len(matrix.names)))
        spread[np.arange(len(codes)), codes, :] = matrix.values
        blocks.append(spread.reshape(len(codes), -1))
        groups[bar.group_name] = labels
    if terms != answer["term"]:
        return [f"terms: {terms} against {answer['term']}"]
    if list(groups) != answer["groups"][0]:
        return [f"groups: {list(groups)} against {answer['groups'][0]}"]
    if [len(labels) for labels in groups.values()] != [len(v) for v in answer["levels"]]:
        return ["numbers of groups differ"]
    Z = np.concatenate(blocks, axis=1)
    if [str(d) for d in Z.T.shape] != answer["dim"][0]:
        return [f"Z': {Z.T.shape} against {answer['dim'][0]}"]
    theirs = np.zeros(Z.T.shape)
    i, j = (np.array(answer[key][0], dtype=int) for key in "ij")
    theirs[i, j] = numbers(answer["z"][0])
    if not np.allclose(Z.T, theirs, rtol=1e-12, atol=1e-12):
        found.append(f"Z differs by {np.abs(Z.T - theirs).max():.2e}")
    return found


def report(texts: Sequence[str], frame: pd.DataFrame, answers: Sequence[Answer], compare) -> str:
    lines = []
    for text, answer in zip(texts, answers, strict=True):
        try:
            lines += [f"{text}: {what}" for what in compare(text, frame, answer)]
        except WemixRefError as error:
            lines.append(f"{text}: we refuse it: {error}")
    return "\n".join(lines)


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("rewritten", [False, True], ids=["as-given", "to_r"])
def test_fixed_parts_agree_with_r(tmp_path: Path, missing: bool, rewritten: bool) -> None:
    texts = examples.formulas(examples.FIXED)
    assert len(texts) >= 150
    frame = examples.mixed_frame()
    if missing:
        frame = examples.with_missing(frame)
        # R refuses orthogonal polynomials of a column with missing values, and so do we; in R a
        # missing value beside FALSE is FALSE, while we drop rows by the columns they lack.
        texts = [t for t in texts if "poly(" not in t and "&" not in t]
    sent = [parse_formula(t).to_r() for t in texts] if rewritten else texts
    answers = ask_r(frame, sent, "fixed", tmp_path)
    assert report(texts, frame, answers, differences).splitlines() == []


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
def test_random_terms_agree_with_lme4(tmp_path: Path, missing: bool) -> None:
    texts = examples.formulas(examples.RANDOM)
    assert len(texts) >= 40
    frame = examples.mixed_frame()
    if missing:
        frame = examples.with_missing(frame)
    answers = ask_r(frame, [parse_formula(t).to_r() for t in texts], "random", tmp_path)
    assert report(texts, frame, answers, random_differences).splitlines() == []


def test_lme4_reads_the_text_as_given_as_we_do(tmp_path: Path) -> None:
    # Not the ones lme4 cannot read: a call that names the groups hides its column from lme4, and
    # `||` loses back-ticks; to_r() mends both.
    texts = [
        t
        for t in examples.formulas(examples.RANDOM)
        if "factor(g)" not in t and "factor(h)" not in t and not ("||" in t and "`my g`" in t)
    ]
    frame = examples.mixed_frame()
    answers = ask_r(frame, texts, "random", tmp_path)
    assert report(texts, frame, answers, random_differences).splitlines() == []


def test_random_formulas_agree_with_r(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    texts = list(dict.fromkeys(f"y ~ {examples.random_fixed(rng)}" for _ in range(400)))
    frame = examples.mixed_frame()
    # A power of one or of no terms at all is refused by R too.
    readable = [text for text in texts if ")^1" not in text]
    assert len(readable) > 200
    answers = ask_r(frame, readable, "fixed", tmp_path)
    assert report(readable, frame, answers, differences).splitlines() == []


def test_random_bars_agree_with_lme4(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    texts = list(dict.fromkeys(f"y ~ {examples.random_bars(rng)}" for _ in range(120)))
    frame = examples.mixed_frame()
    answers = ask_r(frame, [parse_formula(t).to_r() for t in texts], "random", tmp_path)
    assert report(texts, frame, answers, random_differences).splitlines() == []


def test_poly_of_missing_values_is_refused_by_r_and_by_us(tmp_path: Path) -> None:
    frame = examples.with_missing(examples.mixed_frame())
    texts = ["y ~ poly(z, 2)", "y ~ poly(log(z), 3)", "y ~ poly(z, 2, raw = TRUE)"]
    first, second, raw = ask_r(frame, texts, "fixed", tmp_path)
    assert "error" in first
    assert "error" in second
    for text in texts[:2]:
        with pytest.raises(DataError, match="no missing values, as in R"):
            model_frame(parse_formula(text), frame)
    assert differences(texts[2], frame, raw) == []


def test_what_lme4_cannot_read_is_refused(tmp_path: Path) -> None:
    bars = ["(1||g)", "(1|h:m/g)", "(1|(h/m))", "(1|h/(m/g))", "(1|h + m)", "(1|h*m)", "(1|1)"]
    texts = [f"y ~ x + {bar}" for bar in bars]
    for text, answer in zip(
        texts, ask_r(examples.mixed_frame(), texts, "random", tmp_path), strict=True
    ):
        assert "error" in answer, text
        with pytest.raises(FormulaError):
            parse_formula(text)


def test_stored_names_are_those_of_r(tmp_path: Path) -> None:
    stored = json.loads((HERE.parent / "formula_names.json").read_text(encoding="utf-8"))
    frame = examples.mixed_frame()
    for task in ("fixed", "random"):
        folder = tmp_path / task
        folder.mkdir()
        texts = list(stored[task])
        answers = ask_r(frame, [parse_formula(t).to_r() for t in texts], task, folder)
        for text, answer in zip(texts, answers, strict=True):
            theirs = answer["names"][0] if task == "fixed" else answer["term"]
            assert stored[task][text] == theirs, text


def test_random_expressions_have_the_values_of_r(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    texts = list(dict.fromkeys(f"y ~ x + {examples.random_expression(rng)}" for _ in range(400)))
    frame = examples.mixed_frame()
    kept, refused = [], []
    for text in texts:
        try:
            model_frame(parse_formula(text), frame)
        except (DataError, FormulaError) as error:
            refused.append((text, str(error)))
        else:
            kept.append(text)
    assert len(kept) > 150
    answers = ask_r(frame, kept, "fixed", tmp_path)
    assert report(kept, frame, answers, differences) == ""
    # What we refuse has no finite value, is no formula of R either, or uses no column.
    for _, message in refused:
        assert any(
            why in message
            for why in ("is not finite", "neither true", "do not chain", "at least one data column")
        ), message


def test_a_difference_is_noticed(tmp_path: Path) -> None:
    frame = examples.mixed_frame()
    texts = ["y ~ a*x + (x|g)"]
    (answer,) = ask_r(frame, texts, "random", tmp_path)
    assert random_differences(texts[0], frame, answer) == []
    moved = frame.assign(x=frame["x"] * (1 + 1e-10))
    assert "X differs" in random_differences(texts[0], moved, answer)[0]
    assert "terms" in random_differences("y ~ a*x + (0 + x|g)", frame, answer)[0]
    assert "terms" in random_differences("y ~ a*x + (x|h)", frame, answer)[0]
    other = frame.assign(g=frame["g"].to_numpy()[::-1])
    assert "Z differs" in random_differences(texts[0], other, answer)[0]
