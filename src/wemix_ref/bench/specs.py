"""What is measured: config/bench.yaml, read, checked and cut to the size of a quick or full run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from wemix_ref.errors import CaseError
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = [
    "BENCH",
    "MODES",
    "Bench",
    "DataSpec",
    "EngineSpec",
    "Growth",
    "Measurement",
    "StandIn",
    "Target",
    "load_bench",
]

BENCH = PROJECT / "config" / "bench.yaml"
Mode = Literal["quick", "full"]
MODES: tuple[Mode, ...] = ("quick", "full")

#: Names of the grouping factors, level 2 first.
GROUPS = ("class", "school", "district", "region")
R_ENGINES = ("lme4", "wemix")


@dataclass(frozen=True)
class DataSpec:
    """What data are drawn.

    Attributes
    ----------
    rows : level-1 units; of one replicate where there are several.
    sizes : mean number of members of a group, level 2 first; that of the top level follows.
    groups : (number, size) each, two levels, in place of `rows` and `sizes`.
    slopes : level numbers whose groups have a slope on x1 of their own.
    covariates : x1, x2, ...
    weighted : whether there are sampling weights w1, w2, ..., unconditional, level 1 first.
    replicates : samples of the same kind, each with groups of its own.
    seed : of the generator.
    """

    rows: int
    sizes: tuple[int, ...] = ()
    groups: tuple[tuple[int, int], ...] = ()
    slopes: tuple[int, ...] = ()
    covariates: int = 2
    weighted: bool = False
    replicates: int = 1
    seed: int = 1

    @property
    def group_names(self) -> tuple[str, ...]:
        """Grouping factors, level 2 first."""
        return GROUPS[: len(self.sizes)] if self.sizes else GROUPS[:1]

    @property
    def levels(self) -> int:
        """Levels, rows included."""
        return len(self.group_names) + 1

    @property
    def weight_names(self) -> list[str] | None:
        """Columns of the weights, level 1 first; None without."""
        return [f"w{k + 1}" for k in range(self.levels)] if self.weighted else None

    def small(self) -> DataSpec:
        """Data of the same kind with few rows, for a first call that is not timed."""
        if self.groups:
            cut = tuple((min(count, 20), min(size, 100)) for count, size in self.groups)
            return replace(self, groups=cut, rows=sum(count * size for count, size in cut))
        members = 1
        for size in self.sizes:
            members *= size
        least = max(1000, 4 * members, 5 * self.covariates)
        return replace(self, rows=min(self.rows, least), replicates=min(self.replicates, 2))


@dataclass(frozen=True)
class EngineSpec:
    """One program in a measurement, and how it is given the data.

    Attributes
    ----------
    engine : a name of `wemix_ref.bench.subjects.SUBJECTS`, ``lme4`` or ``wemix``.
    ids : groups as whole numbers, texts or categories.
    order : rows as drawn, group after group, or shuffled.
    compiled : whether our loops are compiled, where numba is there; otherwise NumPy does them.
    rounds : how often it takes its turn; None: in every round.
    time_limit : seconds of one turn.
    modes : runs that it takes part in.
    """

    engine: str
    ids: str = "integer"
    order: str = "sorted"
    compiled: bool = True
    rounds: int | None = None
    time_limit: float = 600.0
    modes: tuple[str, ...] = MODES

    @property
    def label(self) -> str:
        """Its name in the results."""
        parts = [self.engine]
        parts += [self.ids] if self.ids != "integer" else []
        parts += [self.order] if self.order != "sorted" else []
        parts += [] if self.compiled else ["numpy"]
        return "-".join(parts)

    @property
    def in_r(self) -> bool:
        """Whether it runs in R."""
        return self.engine in R_ENGINES


@dataclass(frozen=True)
class StandIn:
    """Another program's time times a recorded ratio, where a program cannot run.

    Attributes
    ----------
    engine : whose time is taken, in the same measurement.
    times : recorded seconds of the one over those of the other, same data, same machine.
    source : where that was recorded.
    """

    engine: str
    times: float
    source: str


@dataclass(frozen=True)
class Target:
    """What is asked of an engine.

    Attributes
    ----------
    engine : label of the engine that it is asked of.
    what : ``faster`` (seconds of `than` over its own), ``within`` (its own over those of `than`),
        ``memory`` (largest memory over the input's numeric columns), ``rate`` (fits a second on one
        core).
    than : label of the other engine, if any.
    at_least, at_most : the bound; neither where the ratio is only told.
    stand_in : where `than` cannot run.
    """

    engine: str
    what: str
    than: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    stand_in: StandIn | None = None

    @property
    def bound(self) -> str:
        """The bound as text; empty without."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else ""

    def met_by(self, ratio: float) -> bool | None:
        """Whether a ratio keeps the bound; None without a bound."""
        if self.at_least is not None:
            return ratio >= self.at_least
        return ratio <= self.at_most if self.at_most is not None else None


@dataclass(frozen=True)
class Measurement:
    """One data set, one model, the programs that are timed on it and what is asked.

    Attributes
    ----------
    name, title : its id, and a line for the reader.
    kind : ``fit``, or ``start``: a new process imports the package and fits once.
    formula : lme4's syntax.
    data, engines, targets : see there.
    rounds : turns of each engine.
    threads : of BLAS and of compiled loops.
    curve : name of the figure's curve that it is a point of, if any.
    as_asked : whether the data are of the size that the targets are about.
    agreement : relative difference of deviances above which answers count as different.
    """

    name: str
    title: str
    kind: str
    formula: str
    data: DataSpec
    engines: tuple[EngineSpec, ...]
    targets: tuple[Target, ...]
    rounds: int
    threads: int
    curve: str | None
    as_asked: bool
    agreement: float

    @property
    def in_r(self) -> bool:
        """Whether R takes part."""
        return any(one.in_r for one in self.engines)

    @property
    def fingerprint(self) -> str:
        """A hash of all that is measured."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Growth:
    """How time grows with rows along a curve.

    Attributes
    ----------
    curve, engine : whose times.
    first, last : rows between which the exponent is fitted; both must be there for a judgement.
    at_most : the largest exponent allowed.
    """

    curve: str
    engine: str
    first: int
    last: int
    at_most: float


@dataclass(frozen=True)
class Bench:
    """All measurements of a run."""

    mode: str
    measurements: Mapping[str, Measurement]
    growth: tuple[Growth, ...]


def load_bench(path: Path = BENCH, mode: str = "full") -> Bench:
    """Read the file of measurements.

    Parameters
    ----------
    path : the file; checked against ``workflow/schemas/bench.schema.yaml``.
    mode : ``quick`` or ``full``.

    Raises
    ------
    CaseError
        If the mode is none, the file does not follow its schema, a name stands twice, a target
        names an engine that the measurement does not have, or a level has no name.
    """
    if mode not in MODES:
        raise CaseError(f"the mode must be one of {', '.join(MODES)}; found {mode!r}.")
    content = read_valid_yaml(Path(path), "bench.schema.yaml")
    found: dict[str, Measurement] = {}
    for entry in content["measurements"]:
        if mode not in entry.get("modes", MODES):
            continue
        one = _measurement(path, content, entry, mode)
        if one.name in found:
            raise CaseError(f"{path}: names of measurements must differ; {one.name!r} stands twice")
        found[one.name] = one
    growth = tuple(Growth(**entry) for entry in content["growth"])
    return Bench(mode, found, growth)


def _measurement(
    path: Path, content: Mapping[str, Any], entry: Mapping[str, Any], mode: str
) -> Measurement:
    smaller = entry.get("quick", {}) if mode == "quick" else {}
    data = _data(path, entry["name"], {**entry["data"], **smaller})
    engines = tuple(
        EngineSpec(**{**one, "modes": tuple(one.get("modes", MODES))})
        for one in entry["engines"]
        if mode in one.get("modes", MODES)
    )
    targets = tuple(_target(one) for one in entry.get("targets", ()))
    every = {EngineSpec(**{**one, "modes": ()}).label for one in entry["engines"]}
    for target in targets:
        named = [target.engine, target.than, target.stand_in.engine if target.stand_in else None]
        for label in named:
            if label is not None and label not in every:
                raise CaseError(
                    f"{path}: a target of {entry['name']!r} must name engines of that measurement "
                    f"({', '.join(sorted(every))}); {label!r} is none. Correct the name."
                )
    here = {one.label for one in engines}
    covariates = " + ".join(f"x{k + 1}" for k in range(data.covariates))
    return Measurement(
        name=entry["name"],
        title=entry["title"],
        kind=entry.get("kind", "fit"),
        formula=entry["formula"].replace("{x}", covariates),
        data=data,
        engines=engines,
        targets=tuple(t for t in targets if t.engine in here and (t.than or t.engine) in here),
        rounds=entry.get("rounds", content["rounds"])[mode],
        threads=content["threads"],
        curve=entry.get("curve"),
        as_asked=not smaller,
        agreement=content["agreement"],
    )


def _data(path: Path, name: str, entry: Mapping[str, Any]) -> DataSpec:
    groups = tuple((int(count), int(size)) for count, size in entry.get("groups", ()))
    sizes = tuple(entry.get("sizes", ()))
    rows = sum(count * size for count, size in groups) if groups else entry.get("rows")
    if bool(groups) == bool(sizes) or rows is None:
        raise CaseError(
            f"{path}: the data of {name!r} must have either `rows` and `sizes` or `groups`."
        )
    if len(sizes) > len(GROUPS):
        raise CaseError(f"{path}: {name!r} must have at most {len(GROUPS) + 1} levels.")
    rest = {k: v for k, v in entry.items() if k not in ("rows", "sizes", "groups", "slopes")}
    return DataSpec(int(rows), sizes, groups, tuple(entry.get("slopes", ())), **rest)


def _target(entry: Mapping[str, Any]) -> Target:
    stand_in = entry.get("stand_in")
    return Target(**{**entry, "stand_in": None if stand_in is None else StandIn(**stand_in)})
