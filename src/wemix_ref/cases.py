"""Cases: one data set, one model, and every known answer to it, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from wemix_ref.datasets import RESOURCES, Dataset, load_datasets
from wemix_ref.errors import CaseError
from wemix_ref.printed import PrintedNumber, printed_numbers
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

if TYPE_CHECKING:
    from wemix_ref.engines.protocol import Problem

__all__ = ["Case", "Divergence", "Picture", "load_case", "load_cases"]

CASES = PROJECT / "config" / "cases"


@dataclass(frozen=True)
class Picture:
    """A matrix that a source shows as a picture.

    Attributes
    ----------
    matrix : str
        ``Z``, ``G`` or ``V``.
    rows : tuple of int or None
        First and last row shown, counted from 1; None: all.
    """

    matrix: str
    rows: tuple[int, int] | None


@dataclass(frozen=True)
class Divergence:
    """An answer known to be wrong.

    Attributes
    ----------
    id : str
        Its short name.
    engine : str
        The program that gives it.
    formula : str
        The formula that the program was given.
    why : str
        What goes wrong.
    llf : str
        The log-likelihood it gives, with its digits.
    beta, se_beta : Mapping
        Coefficients and standard errors it gives, as text; may be empty.
    """

    id: str
    engine: str
    formula: str
    why: str
    llf: str
    beta: Mapping[str, str]
    se_beta: Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """One data set, one model, and every known answer to it.

    Attributes
    ----------
    name, title, note, source : str
        The case's name, a line for a reader, a remark (may be empty), who the answers are from.
    path : Path
        The case file.
    dataset : Dataset
        The data and their provenance.
    formula : str
        The model, in lme4's syntax.
    wemix_formula : str or None
        What WeMix is given where that must differ.
    weights : tuple of str or None
        Columns of sampling weights, level 1 first; None: unweighted.
    conditional_weights, reml : bool
        As in :func:`wemix_ref.mix`.
    center_group : Mapping or None
        Group to one-sided formula of the variables centred within it.
    center_grand : str or None
        One-sided formula of the variables centred over all rows.
    precision_weights : str or None
        The column lme4 takes as its plain ``weights=``, which is another model than the sampling
        weights that the other engines take.
    engines : tuple of str
        The engines that fit the case.
    pictures : tuple of Picture
        Matrices that the source shows.
    printed : tuple of PrintedNumber
        Every number that the source prints.
    printed_theta : Mapping of str to str, or None
        Theta at which the printed numbers were computed, by lme4's names in lme4's order, digits
        kept; None where the source's theta is not known.
    printed_theta_from : str
        The program that gave it; empty when there is none.
    recorded : str or None
        Name of the recorded answer, ``resources/recorded/<name>.json``.
    same_answer_as : str or None
        A case whose answer must be the same.
    divergences : tuple of Divergence
        Answers known to be wrong.
    """

    name: str
    title: str
    note: str
    source: str
    path: Path
    dataset: Dataset
    formula: str
    wemix_formula: str | None
    weights: tuple[str, ...] | None
    conditional_weights: bool
    reml: bool
    center_group: Mapping[str, str] | None
    center_grand: str | None
    precision_weights: str | None
    engines: tuple[str, ...]
    pictures: tuple[Picture, ...]
    printed: tuple[PrintedNumber, ...]
    printed_theta: Mapping[str, str] | None
    printed_theta_from: str
    recorded: str | None
    same_answer_as: str | None
    divergences: tuple[Divergence, ...]

    @cached_property
    def data(self) -> pd.DataFrame:
        """The data, with the types that their provenance declares."""
        return self.dataset.read()

    def printed_rows(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Read the data rows that the source prints, as text.

        Returns
        -------
        header : tuple of str
        rows : list of list of str
            Empty, like the header, where the source prints none.
        """
        return self.dataset.printed_rows()

    def problem(self, engine: str = "python") -> Problem:
        """Give what an engine is asked to fit.

        Parameters
        ----------
        engine : str
            The engine's name. It matters only for a case with `precision_weights`: lme4 is given
            these, as its plain ``weights=``, all others the sampling weights.

        Returns
        -------
        Problem
            With a copy of the data, so that no engine sees another's changes.

        Raises
        ------
        DataError
            If the data file is not the recorded one.
        """
        from wemix_ref.engines.protocol import Problem  # reading cases needs no engine

        by_precision = self.precision_weights is not None and engine == "lme4"
        return Problem(
            case=self.name,
            formula=self.formula,
            data=self.data.copy(),
            weights=list(self.weights) if self.weights and not by_precision else None,
            conditional_weights=self.conditional_weights and not by_precision,
            reml=self.reml,
            center_group=dict(self.center_group) if self.center_group else None,
            center_grand=self.center_grand,
            data_sha256=self.dataset.sha256,
            wemix_formula=self.wemix_formula,
            precision_weights=self.precision_weights if by_precision else None,
        )


def load_case(path: Path, *, resources: Path = RESOURCES) -> Case:
    """Load one case file.

    Parameters
    ----------
    path : Path
        The YAML file; its name is the case's name.
    resources : Path
        Directory of ``data/`` and ``published/``.

    Returns
    -------
    Case

    Raises
    ------
    CaseError
        If the file does not follow ``case.schema.yaml`` or contradicts itself or its data; the
        message has the file and the key.
    """
    return _load_case(Path(path), load_datasets(resources))


def load_cases(directory: Path = CASES, *, resources: Path = RESOURCES) -> dict[str, Case]:
    """Load every case file of a directory.

    Parameters
    ----------
    directory : Path
        Its ``*.yaml`` files are cases.
    resources : Path
        Directory of ``data/`` and ``published/``.

    Returns
    -------
    dict of str to Case
        By name, sorted.

    Raises
    ------
    CaseError
        If there is no case, a file is malformed, or `same_answer_as` names no case.
    """
    paths = sorted(Path(directory).glob("*.yaml"))
    if not paths:
        raise CaseError(f"{directory} must hold at least one case file (*.yaml); it holds none")
    datasets = load_datasets(resources)
    cases = {path.stem: _load_case(path, datasets) for path in paths}
    for case in cases.values():
        if case.same_answer_as is not None and case.same_answer_as not in cases:
            raise CaseError(
                f"{case.path}: key `known.same_answer_as` must name a case of {directory}; found "
                f"{case.same_answer_as!r}"
            )
    return cases


def _load_case(path: Path, datasets: Mapping[str, Dataset]) -> Case:
    content = read_valid_yaml(path, "case.schema.yaml")
    known = content["known"]
    try:
        case = _case(path, content, known, datasets)
    except CaseError as problem:
        raise CaseError(f"{path}: {problem}") from problem
    _check(case, known)
    return case


def _case(
    path: Path,
    content: Mapping[str, Any],
    known: Mapping[str, Any],
    datasets: Mapping[str, Dataset],
) -> Case:
    theta = known.get("printed_theta")
    file = content["data"]["file"]
    if Path(file).stem not in datasets:
        raise CaseError(
            f"key `data.file` must have an entry in resources/data/provenance.yaml; {file!r} has "
            f"none. Known: {', '.join(datasets)}"
        )
    return Case(
        name=content["case"],
        title=content["title"],
        note=content.get("note", ""),
        source=content["source"],
        path=path,
        dataset=datasets[Path(file).stem],
        formula=content["formula"],
        wemix_formula=content.get("wemix_formula"),
        weights=tuple(content["weights"]) if "weights" in content else None,
        conditional_weights=content.get("conditional_weights", False),
        reml=content["reml"],
        center_group=content.get("center_group"),
        center_grand=content.get("center_grand"),
        precision_weights=content.get("precision_weights"),
        engines=tuple(content["engines"]),
        pictures=tuple(
            Picture(picture["matrix"], tuple(picture["rows"]) if "rows" in picture else None)
            for picture in content.get("pictures", ())
        ),
        printed=printed_numbers(known.get("printed", [])),
        printed_theta=dict(theta["values"]) if theta else None,
        printed_theta_from=theta["from"] if theta else "",
        recorded=known.get("recorded"),
        same_answer_as=known.get("same_answer_as"),
        divergences=tuple(
            Divergence(**{"beta": {}, "se_beta": {}, **entry})
            for entry in known.get("divergences", ())
        ),
    )


def _check(case: Case, known: Mapping[str, Any]) -> None:
    def refuse(key: str, text: str) -> None:
        raise CaseError(f"{case.path}: key `{key}` {text}")

    if case.name != case.path.stem:
        refuse("case", f"must be the file's name {case.path.stem!r}; found {case.name!r}")
    columns = [column.name for column in case.dataset.columns]
    asked = {"weights": case.weights or (), "precision_weights": (case.precision_weights,)}
    for key, names in asked.items():
        absent = [name for name in names if name is not None and name not in columns]
        if absent:
            refuse(
                key,
                f"must name columns of {case.dataset.path.name}; {len(absent)} are none (first: "
                f"{absent[0]!r}). Its columns: {', '.join(columns)}",
            )
    if case.reml and case.weights:
        refuse("reml", "must be false when `weights` are given; REML has no weighted form")
    if case.conditional_weights and not case.weights:
        refuse("conditional_weights", "needs `weights`")
    if ("recorded" in case.engines) != (case.recorded is not None):
        refuse("known.recorded", "must be given just when `engines` lists `recorded`")
    if "lme4-weighted" in case.engines and not case.weights:
        refuse("engines", "may list `lme4-weighted` only when `weights` are given")
    if not known:
        refuse("known", "must hold at least one answer")
