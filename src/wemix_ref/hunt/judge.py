"""Two answers of one engine held against each other under an identity.

Optimisers in R stop early, each at a place of its own, and where a variance is near zero the
deviance is flat. So the criterion itself is compared first: both ways of writing the model are
evaluated at one theta, off zero. Only an engine that says it has converged to a minimum is held to
its own optimum as well, and there estimates may differ by what the deviances' rounding leaves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wemix_ref.hunt.identities import Expected, Pair

__all__ = ["COMMON", "Difference", "Verdict", "judge"]

#: Engines whose optima are no claim of a minimum to rounding.
R_ENGINES = ("lme4", "lme4-weighted", "wemix")
#: Label of the theta at which both ways are evaluated.
COMMON = "common"

#: Relative to |D| + W, for rounding in the sums: what `config/tolerances.yaml` gives a deviance.
DEVIANCE = 1e-10
#: Relative to the size of beta's parts and its standard error: normal equations square the
#: condition number of X, which is below 1e4 in models of a hunt.
BETA = 1e-8
SIGMA = 1e-9
#: Standard errors are derivatives; WeMix takes them numerically. Seen were changes of 2e-5 with the
#: unit of y. If it takes central differences, rounding of a log-likelihood of size 1e3 leaves 4e-9
#: at the best step for y of order 1, and 4e-4 on each of two sides with a step that is off by 1e5
#: (by the identity and the scale of y). That it does so was not confirmed.
SE_BETA = {"wemix": 8e-4}
SE_VARIANCE = {"wemix": 2e-5}
SE_EXACT = 1e-7


@dataclass(frozen=True)
class Difference:
    """A number that is not what it must be.

    Attributes
    ----------
    quantity, name : str
    expected, got : float or None
        From the first answer by the identity, and in the second; None where there is none.
    """

    quantity: str
    name: str
    expected: float | None
    got: float | None


@dataclass(frozen=True)
class Verdict:
    """What holding two answers against each other showed.

    Attributes
    ----------
    kind : str
        ``same``; ``no answer`` (to neither, or R was ended); ``stops early``: the criterion is
        the same, the optima are not, and the engine claims no minimum. The rest are findings:
        ``fails`` (one way is answered, the other is not), ``another model``, ``another optimum``,
        ``standard errors``.
    differences : tuple of Difference
        All of them, in the order of the comparison.
    message : str
        What an engine said that failed.
    """

    kind: str
    differences: tuple[Difference, ...] = ()
    message: str = ""

    @property
    def found(self) -> bool:
        """Whether the identity is broken."""
        return self.kind not in ("same", "no answer", "stops early")


def judge(pair: Pair, first: Mapping[str, Any], second: Mapping[str, Any]) -> Verdict:
    """Hold the fit records of a pair's two ways against each other.

    Parameters
    ----------
    first, second : mapping
        Fit records, each with the point `COMMON`.
    """
    answered = [record["status"] == "ok" for record in (first, second)]
    if not all(answered):
        messages = [record["message"] for record in (first, second) if record["status"] != "ok"]
        told = any(record["status"] == "failed" for record in (first, second))
        kind = "fails" if any(answered) and told else "no answer"
        return Verdict(kind, (), messages[0])
    here, there = first["at"][0], second["at"][0]
    size = _Size(pair)
    criterion = list(_estimates(pair.expected, here, there, size))
    if criterion:
        return Verdict("another model", tuple(criterion))
    errors = list(_standard_errors(pair.expected, here, there, first["engine"]))
    at_optimum = _optimum(pair, first, second, size)
    if at_optimum.found:
        return at_optimum
    if errors:
        return Verdict("standard errors", tuple(errors))
    return at_optimum


class _Size:
    """The deviance that is expected, and what of it may be rounding."""

    def __init__(self, pair: Pair) -> None:
        expected = pair.expected
        self.factor = expected.factor
        self.weight = pair.first.total_weight()
        self.shift = 2.0 * self.weight * math.log(abs(expected.y_scale))

    def expected(self, deviance: float) -> float:
        return self.factor * (deviance + self.shift)

    def room(self, deviance: float) -> float:
        return DEVIANCE * self.factor * (abs(deviance) + abs(self.shift) + self.weight)


def _estimates(
    expected: Expected, here: Mapping[str, Any], there: Mapping[str, Any], size: _Size
) -> Iterator[Difference]:
    wanted = size.expected(here["deviance"])
    if not abs(there["deviance"] - wanted) <= size.room(here["deviance"]):
        yield Difference("deviance", "", wanted, there["deviance"])
    b = expected.y_scale
    sigma = abs(b) * here["sigma"]
    if not abs(there["sigma"] - sigma) <= SIGMA * sigma:
        yield Difference("sigma", "", sigma, there["sigma"])
    for name, value, wanted, se in _beta(expected, here, there):
        parts = abs(wanted - expected.shift.get(name, 0.0)) + abs(expected.shift.get(name, 0.0))
        if not abs(value - wanted) <= BETA * (parts + se):
            yield Difference("beta", name, wanted, value)


def _beta(
    expected: Expected, here: Mapping[str, Any], there: Mapping[str, Any]
) -> Iterator[tuple[str, float, float, float]]:
    """Name, value found, value expected and standard error of each fixed effect."""
    b = expected.y_scale
    for name, value in here["beta"].items():
        new = expected.names.get(name, name)
        wanted = b * value + expected.shift.get(name, 0.0)
        se = abs(b) * _number(here["se_beta"].get(name))
        yield name, there["beta"].get(new, math.nan), wanted, 0.0 if math.isnan(se) else se


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _standard_errors(
    expected: Expected, here: Mapping[str, Any], there: Mapping[str, Any], engine: str
) -> Iterator[Difference]:
    """Standard errors at the common theta, by every recipe that both points have."""
    b = abs(expected.y_scale)
    one, other = _by_recipe(here), _by_recipe(there)
    for recipe in sorted(set(one) & set(other)):
        factor = expected.se.get(recipe)
        if factor is None:
            continue
        room = SE_BETA.get(engine, SE_EXACT)
        for name, se in one[recipe]["se_beta"].items():
            wanted = factor * b * _number(se)
            got = _number(other[recipe]["se_beta"].get(expected.names.get(name, name)))
            if not _close(wanted, got, room):
                yield Difference(f"se_beta, {recipe}", name, _told(wanted), _told(got))
        variances = one[recipe].get("se_variance_components")
        yield from _variance_errors(
            expected,
            recipe,
            factor,
            (here, variances),
            (
                there,
                other[recipe].get("se_variance_components"),
            ),
            SE_VARIANCE.get(engine, SE_EXACT),
        )


def _variance_errors(
    expected: Expected,
    recipe: str,
    factor: float,
    one: tuple[Mapping[str, Any], list[float | None] | None],
    other: tuple[Mapping[str, Any], list[float | None] | None],
    room: float,
) -> Iterator[Difference]:
    if one[1] is None or other[1] is None:
        return
    b2 = expected.y_scale**2
    found = dict(zip(_labels(other[0], {}), other[1], strict=True))
    for label, se in zip(_labels(one[0], expected.names), one[1], strict=True):
        wanted, got = factor * b2 * _number(se), _number(found.get(label))
        if not _close(wanted, got, room):
            yield Difference(f"se_variance, {recipe}", " ".join(label), _told(wanted), _told(got))


def _labels(point: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Level and variables of each variance component, whatever the group is called."""
    return [
        (str(row["level"]), *(names.get(v, v) for v in (row["var1"], row["var2"]) if v))
        for row in point["variance_components"]
    ]


def _by_recipe(point: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if point.get("recipes"):
        return dict(point["recipes"])
    return {point["se_recipe"]: {"se_beta": point["se_beta"]}}


def _close(wanted: float, got: float, room: float) -> bool:
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    return abs(wanted - got) <= room * max(abs(wanted), abs(got))


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value


def _optimum(
    pair: Pair, first: Mapping[str, Any], second: Mapping[str, Any], size: _Size
) -> Verdict:
    here, there = first["optimum"], second["optimum"]
    wanted, room = size.expected(here["deviance"]), size.room(here["deviance"])
    gap = there["deviance"] - wanted
    claims = all(_at_minimum(record) for record in (first, second))
    if not abs(gap) <= room:
        found = (Difference("deviance", "at the optimum", wanted, there["deviance"]),)
        return Verdict("another optimum" if claims else "stops early", found)
    # D is quadratic at its minimum: estimates lie within sqrt(d) standard errors, d the room
    reach = math.sqrt((abs(gap) + room) / size.factor)
    differences: list[Difference] = []
    if claims:
        differences = list(_within_reach(pair.expected, here, there, reach))
    return Verdict("another optimum" if differences else "same", tuple(differences))


def _at_minimum(record: Mapping[str, Any]) -> bool:
    """Whether an engine says of its optimum that it is the minimum to rounding.

    R's optimisers call converged what is flat by their own rule, and may stop well above.
    """
    return record["engine"] not in R_ENGINES and record.get("converged") is True


def _within_reach(
    expected: Expected, here: Mapping[str, Any], there: Mapping[str, Any], reach: float
) -> Iterator[Difference]:
    """Estimates further apart than `reach` standard errors of the model."""
    model = here["recipes"]["model"]
    b = expected.y_scale
    for name, value, wanted, _ in _beta(expected, here, there):
        se = abs(b) * _number(model["se_beta"].get(name))
        rounding = BETA * (abs(wanted) + 2.0 * abs(expected.shift.get(name, 0.0)))
        if not abs(value - wanted) <= reach * se + rounding:
            yield Difference("beta", f"{name}, at the optimum", wanted, value)
    found = {
        label: row["vcov"]
        for label, row in zip(_labels(there, {}), there["variance_components"], strict=True)
    }
    rows = zip(
        _labels(here, expected.names),
        here["variance_components"],
        model["se_variance_components"],
        strict=True,
    )
    for label, row, se in rows:
        if se is None or math.isnan(se):
            continue  # at the boundary D is flat: a standard deviation there may be anything small
        wanted = b * b * row["vcov"]
        if not abs(found.get(label, math.nan) - wanted) <= b * b * se * reach + BETA * abs(wanted):
            yield Difference("variance", " ".join(label), wanted, found.get(label))
