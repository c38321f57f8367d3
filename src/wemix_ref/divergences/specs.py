"""Divergences read from their files: what is run, what is judged, what says who is right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wemix_ref.csv_numbers import read_csv
from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = [
    "DIVERGENCES",
    "DivergenceSpec",
    "Model",
    "Number",
    "Oracle",
    "load_divergence",
    "load_divergences",
]

DIVERGENCES = PROJECT / "config" / "divergences"
SCHEMA = "divergence.schema.yaml"

#: Relative difference within which a number of the program is right, where a file says no other:
#: R's packages stop when their own rule is met.
TOLERANCE = 1e-5

Edits = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Model:
    """What is fitted; weights level 1 first, None: unweighted, by ML."""

    formula: str
    weights: tuple[str, ...] | None
    conditional_weights: bool
    center_grand: str | None

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Model:
        """Read the part of a file that says what is fitted."""
        weights = content.get("weights")
        return cls(
            content["formula"],
            None if weights is None else tuple(weights),
            content.get("conditional_weights", False),
            content.get("center_grand"),
        )


@dataclass(frozen=True)
class Number:
    """A number of the program's answer that is judged.

    Attributes
    ----------
    name : its name in the answer of the R script.
    quantity : what it is of our fit, see `wemix_ref.divergences.quantities`.
    edits, formula : how data and formula of our fit differ for this number; formula None: not.
    tolerance, why : relative difference within which it is right, and the reason where it is not
        the usual one.
    """

    name: str
    quantity: str
    edits: Edits
    formula: str | None
    tolerance: float
    why: str


@dataclass(frozen=True)
class Oracle:
    """Something else that knows the right answer.

    Attributes
    ----------
    by : ``ours``, ``replicated``, ``gls``, ``lme4``, ``lme4-replicated``, ``lme4-weighted`` or
        ``program``.
    why : why it knows.
    edits, model : data and model it is given; model None: the divergence's own.
    gives : name of a judged number to the oracle's quantity.
    """

    by: str
    why: str
    edits: Edits
    model: Model | None
    gives: Mapping[str, str]


@dataclass(frozen=True)
class DivergenceSpec:
    """One divergence, as its file has it, with the texts of its script and data."""

    id: str
    title: str
    program: str
    kind: str
    trigger: str
    happens: str
    right: str
    way_round: str | None
    data_file: str
    model: Model
    numbers: tuple[Number, ...]
    oracles: tuple[Oracle, ...]
    script: str
    csv: str
    path: Path
    resources: Path

    @property
    def script_path(self) -> Path:
        """The R script."""
        return self.resources / "divergences" / f"{self.id}.R"

    @property
    def data_path(self) -> Path:
        """The data."""
        return self.resources / "divergences" / self.data_file

    @property
    def record_path(self) -> Path:
        """The recorded answer."""
        return self.resources / "divergences" / "recorded" / f"{self.id}.json"

    @property
    def data(self) -> pd.DataFrame:
        """The data; rows are labelled from 1, as R does."""
        frame = read_csv(self.data_path)
        return frame.set_index(pd.RangeIndex(1, len(frame) + 1))

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of script and data."""
        texts = {"script_sha256": self.script, "data_sha256": self.csv}
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def load_divergence(path: Path, *, resources: Path = RESOURCES) -> DivergenceSpec:
    """Read one file with its script and data.

    Raises
    ------
    CaseError
        If the schema does not hold, the file's name is not the divergence's, script or data are
        not there, a number is named twice, no oracle gives a number, or an oracle gives one that
        is not judged.
    """
    path = Path(path)
    content = read_valid_yaml(path, SCHEMA)
    name = content["divergence"]
    if path.stem != name:
        raise CaseError(
            f"{path}: the file must be named as its divergence, {name}.yaml. Rename it."
        )
    place = Path(resources) / "divergences"
    spec = DivergenceSpec(
        name,
        content["title"],
        content["program"],
        content["kind"],
        content["trigger"],
        content["happens"],
        content["right"],
        content.get("way_round"),
        content["data"],
        Model.read(content["model"]),
        tuple(_number(entry) for entry in content["numbers"]),
        tuple(_oracle(entry) for entry in content["oracles"]),
        _text(place / f"{name}.R", path),
        _text(place / content["data"], path),
        path,
        Path(resources),
    )
    _check_names(spec)
    return spec


def load_divergences(
    directory: Path = DIVERGENCES, *, resources: Path = RESOURCES
) -> dict[str, DivergenceSpec]:
    """Read all files of a directory, by name; see `load_divergence`."""
    specs = [
        load_divergence(path, resources=resources)
        for path in sorted(Path(directory).glob("*.yaml"))
    ]
    if not specs:
        raise CaseError(f"{directory}: the directory must hold *.yaml files; found none.")
    return {spec.id: spec for spec in specs}


def _number(entry: Mapping[str, Any]) -> Number:
    return Number(
        entry["name"],
        entry["quantity"],
        tuple(entry.get("edits", ())),
        entry.get("formula"),
        float(entry.get("tolerance", TOLERANCE)),
        entry.get("why", ""),
    )


def _oracle(entry: Mapping[str, Any]) -> Oracle:
    model = entry.get("model")
    return Oracle(
        entry["by"],
        entry["why"],
        tuple(entry.get("edits", ())),
        None if model is None else Model.read(model),
        dict(entry["gives"]),
    )


def _text(path: Path, asked_by: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise CaseError(f"{asked_by}: it needs the file {path}: {problem}") from problem


def _check_names(spec: DivergenceSpec) -> None:
    names = [number.name for number in spec.numbers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CaseError(f"{spec.path}: a number must be named once; {twice[0]!r} stands twice.")
    given = {name for oracle in spec.oracles for name in oracle.gives}
    if unknown := sorted(given - set(names)):
        raise CaseError(
            f"{spec.path}: oracles must give judged numbers; {unknown[0]!r} is none of "
            f"{', '.join(map(repr, names))}."
        )
    held = {name for oracle in spec.oracles if oracle.by != "program" for name in oracle.gives}
    if bare := [name for name in names if name not in held]:
        raise CaseError(
            f"{spec.path}: every judged number needs an oracle other than the program; {bare[0]!r} "
            "has none. Add one, or leave the number out."
        )
