"""Studies: a population, a sampling design, the analyses and the replicates, read from YAML."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from wemix_ref.errors import CaseError, StudyError, WemixRefError
from wemix_ref.simulate.analyses import Analysis, analyses_of
from wemix_ref.simulate.arithmetic import Expression
from wemix_ref.simulate.draw_specs import parsed
from wemix_ref.simulate.parameters import sole_group
from wemix_ref.simulate.places import at
from wemix_ref.simulate.populations import PopulationSpec, population_spec
from wemix_ref.simulate.sampling import SamplingSpec, sampling_spec
from wemix_ref.simulate.scenarios import (
    SECTIONS,
    Parameters,
    check_use,
    settings_of,
    small_version,
    substituted,
)
from wemix_ref.simulate.study_names import check_names, check_targets, expressed_names
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = ["Audit", "Interval", "Scenario", "Study", "Target", "load_studies", "load_study"]

STUDIES = PROJECT / "config" / "studies"
SCHEMA = "study.schema.yaml"
GUIDE = "docs/studies.md"
SMALL = "-small"

_DESIGN_KEYS = ("sampling", "nonresponse", "trimming", "noise")


@dataclass(frozen=True)
class Interval:
    """Confidence intervals: their level, and "normal" or "t" with n_top - 1 degrees of freedom."""

    level: float = 0.95
    distribution: str = "normal"


@dataclass(frozen=True)
class Audit:
    """First replicates that live R fits too: how many, by which engines, which analyses."""

    replicates: int
    engines: tuple[str, ...]
    analyses: tuple[str, ...] | None


@dataclass(frozen=True)
class Target:
    """What estimates are held against.

    Attributes
    ----------
    kind : "parameter" or "population", the same model fitted to all units.
    model, reml, residual_variance : of that fit.
    values : targets stated by hand, expressions of parameters.
    """

    kind: str
    model: str
    reml: bool
    residual_variance: str
    values: Mapping[str, Expression]


@dataclass(frozen=True)
class Scenario:
    """One setting of a study's parameters, with all that they enter.

    Attributes
    ----------
    name : its name, fit for a file.
    parameters : numbers, truth values or text by name.
    population, sampling, target, analyses : as the file has them at these parameters.
    fingerprint : hash of all that its replicates depend on, the seed too.
    population_key : hash of what a finite population depends on.
    short_names : whether all models, of all the study's scenarios, have one grouping factor, which
        the names of parameters leave out then.
    """

    name: str
    parameters: Parameters
    population: PopulationSpec
    sampling: SamplingSpec
    target: Target
    analyses: tuple[Analysis, ...]
    fingerprint: str
    population_key: str
    short_names: bool

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that is fitted, each once."""
        of_analyses = [analysis.fit.model for analysis in self.analyses]
        target = [self.target.model] if self.target.kind == "population" else []
        return tuple(dict.fromkeys([*of_analyses, *target]))

    @property
    def needs_r(self) -> bool:
        """Whether an engine in R fits some of the analyses."""
        return any(analysis.fit.engine != "python" for analysis in self.analyses)


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes
    ----------
    name, path, title : its name, its file, a line for a reader.
    content : the file's content; of a small version, with its changes.
    seed : root of every stream.
    r_seed : R's first seed, of replicate 0 or of a finite population; None: numpy's generator.
    replicates, chunk : how many, and how many to a job.
    interval, audit, compare_with : see the schema.
    settings : scenario names to parameters.
    """

    name: str
    path: Path
    title: str
    content: Mapping[str, Any]
    seed: int
    r_seed: int | None
    replicates: int
    chunk: int
    interval: Interval
    audit: Audit
    compare_with: str | None
    settings: Mapping[str, Parameters]

    @cached_property
    def _scenarios(self) -> dict[str, Scenario]:
        read = {}
        for name in self.settings:
            with at(f"{self.path}, scenario {name!r}"):
                read[name] = _scenario(self, name)
        models = tuple(dict.fromkeys(model for one in read.values() for model in one.models))
        short = sole_group(models, tuple(self.content["population"]["levels"])) is not None
        for name, one in read.items():
            read[name] = _named(one, short)
            with at(f"{self.path}, scenario {name!r}"):
                check_targets(read[name], models)
        return read

    def scenario(self, name: str) -> Scenario:
        """Return a scenario.

        Raises
        ------
        StudyError
            If there is none of that name, or the content of one makes no sense.
        """
        if name not in self.settings:
            raise StudyError(
                f"{self.path}: a scenario must be one of {', '.join(self.settings)}; found "
                f"{name!r}."
            )
        return self._scenarios[name]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """All scenarios, in the file's order."""
        return tuple(self.scenario(name) for name in self.settings)

    @property
    def small(self) -> bool:
        """Whether this is the small version of a study."""
        return self.name != self.path.stem

    @property
    def finite(self) -> bool:
        """Whether one population serves all replicates."""
        return self.content["population"].get("kind", "superpopulation") == "finite"

    def chunks(self) -> list[tuple[int, int]]:
        """Return the replicates of each job, from the first up to, but without, the second."""
        return [
            (first, min(first + self.chunk, self.replicates))
            for first in range(0, self.replicates, self.chunk)
        ]


def load_study(path: Path, *, small: bool = False, chunk: int | None = None) -> Study:
    """Read a study.

    Parameters
    ----------
    path : the file; its stem is the study's name.
    small : the small version, as the file's ``small`` says; it is checked in any case.
    chunk : replicates of one job, in place of the file's.

    Raises
    ------
    StudyError
        If the file cannot be read or does not follow the schema, or makes no sense.
    """
    path = Path(path)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", path.stem):
        raise StudyError(
            f"{path}: a study's file must be named by letters, digits, '-' and '_', since its name "
            "is that of a directory of results. Rename it."
        )
    try:
        content = read_valid_yaml(path, SCHEMA, GUIDE)
    except CaseError as error:
        raise StudyError(str(error)) from error
    try:
        study = _study(path, small_version(content, path) if small else content, small, chunk)
        if "small" in content and not small:
            _study(path, small_version(content, path), True, chunk)
        return study
    except WemixRefError as error:
        told = str(error)
        raise StudyError(told if told.startswith(str(path)) else f"{path}: {told}") from error


def _study(path: Path, content: Mapping[str, Any], small: bool, chunk: int | None) -> Study:
    generator = content.get("generator", "numpy")
    audit = content.get("audit", {"replicates": 0})
    study = Study(
        name=path.stem + (SMALL if small else ""),
        path=path,
        title=content["title"],
        content=content,
        seed=content["seed"],
        r_seed=None if generator == "numpy" else generator["R"],
        replicates=content["replicates"],
        chunk=chunk or content.get("chunk", 100),
        interval=Interval(**content.get("interval", {})),
        audit=Audit(
            audit["replicates"],
            tuple(audit.get("engines", ("lme4", "lme4-weighted", "wemix"))),
            tuple(audit["analyses"]) if "analyses" in audit else None,
        ),
        compare_with=content.get("compare_with"),
        settings=settings_of(content, path),
    )
    _check_names(study)
    last = 2**31 - 1
    if study.r_seed is not None and study.r_seed + study.replicates > last:
        raise StudyError(
            f"R's seeds go up to {last}; generator.R = {study.r_seed} with {study.replicates} "
            "replicates goes beyond. Take a smaller seed."
        )
    return study


def load_studies(directory: Path = STUDIES, *, chunk: int | None = None) -> dict[str, Study]:
    """Read all studies of a directory and their small versions, by name.

    Raises
    ------
    StudyError
        As :func:`load_study`; or a study has the name of another's small version.
    """
    out: dict[str, Study] = {}
    for path in sorted(Path(directory).glob("*.yaml")):
        study = load_study(path, chunk=chunk)
        out[study.name] = study
        if "small" in study.content:
            small = load_study(path, small=True)
            if (path.parent / f"{small.name}.yaml").exists():
                raise StudyError(
                    f"{path}: its small version is called {small.name!r}, which is another file's "
                    "name. Rename that file."
                )
            out[small.name] = small
    return out


def _scenario(study: Study, name: str) -> Scenario:
    parameters = study.settings[name]
    content = {
        key: substituted(study.content[key], parameters, key)
        for key in SECTIONS
        if key in study.content
    }
    if "generator" in study.content:
        content["generator"] = study.content["generator"]
    # the order of keys counts: covariates are drawn, and levels nested, as they stand in the file
    # its name decides the streams; the prose, the intervals and the audit decide nothing here
    text = json.dumps([study.seed, study.r_seed, name, parameters, content], allow_nan=False)
    population = population_spec(content["population"])
    levels = tuple(content["population"]["levels"])
    target = content.get("target", {"kind": "parameter"})
    out = Scenario(
        name=name,
        parameters=parameters,
        population=population,
        sampling=sampling_spec({key: content.get(key, {}) for key in _DESIGN_KEYS}, levels),
        target=Target(
            kind=target["kind"],
            model=target.get("model", content["model"]),
            reml=target.get("reml", False),
            residual_variance=target.get("residual_variance", "model"),
            values={
                key: parsed(value, f"target.values.{key}")
                for key, value in target.get("values", {}).items()
            },
        ),
        analyses=analyses_of(content["analyses"], content["model"], levels),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        population_key=_population_key(study, content["population"], parameters),
        short_names=True,
    )
    check_names(out)
    return replace(out, short_names=sole_group(out.models, levels) is not None)


def _named(scenario: Scenario, short: bool) -> Scenario:
    """Give a scenario the names of the whole study."""
    if scenario.short_names == short:
        return scenario
    # where another scenario decides on the names of its rows, its replicates depend on that
    text = json.dumps([scenario.fingerprint, {"short_names": short}])
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    return replace(scenario, short_names=short, fingerprint=fingerprint)


def _population_key(study: Study, population: Mapping[str, Any], parameters: Parameters) -> str:
    """Hash a population's text with the parameters that it may name: what it does not, is free."""
    text = json.dumps(population)
    words = set(re.findall(r"\w+", text))
    used = {name: value for name, value in parameters.items() if name in words}
    whole = json.dumps([study.seed, study.r_seed, text, used])
    return hashlib.sha256(whole.encode()).hexdigest()


def _check_names(study: Study) -> None:
    """Check every scenario, and what names analyses, which all scenarios have alike."""
    names = [analysis.name for analysis in study.scenarios[0].analyses]
    if study.compare_with is not None and study.compare_with not in names:
        raise StudyError(
            f"{study.path}: compare_with must be an analysis ({', '.join(names)}); found "
            f"{study.compare_with!r}."
        )
    for name in study.audit.analyses or ():
        if name not in names:
            raise StudyError(
                f"{study.path}: audit.analyses must name analyses ({', '.join(names)}); found "
                f"{name!r}."
            )
    expressed = {name for one in study.scenarios for name in expressed_names(one)}
    check_use(study.content, study.scenarios[0].parameters, expressed)
