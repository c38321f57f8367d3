"""Numbers under stress: digits kept, certified by arithmetic of many digits."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wemix_ref.errors import WemixRefError, WemixRefWarning
from wemix_ref.fit import mix
from wemix_ref.hunt.models import stream
from wemix_ref.reliability.certified import DIGITS, Exact
from wemix_ref.reliability.record import Record, Table, versions_here
from wemix_ref.reliability.stress import Case, Ill, base, cases, ill_posed
from wemix_ref.results import FittedModel

__all__ = [
    "QUANTITIES",
    "REQUIRED",
    "UNPROMISED",
    "Digits",
    "as_it_must",
    "digits_of",
    "required",
    "run",
    "told_of",
]

#: A double has so many.
_ALL = 16.0
#: At a minimum, and second derivatives.
_FLAT = ("theta", "SE of beta", "SE of variances")
_NO_MINIMUM = "ConvergenceWarning"
QUANTITIES = ("D", "intercept", "slopes", "sigma", "theta", "SE of beta", "SE of variances")
#: Digits that must be left where nothing costs any: derivatives have fewer, and so has theta, since
#: a search ends where one more step promises less than 1e-11 of D, which is flat there.
USUAL = {
    "D": 13.0,
    "intercept": 11.0,
    "slopes": 11.0,
    "sigma": 12.0,
    "theta": 8.0,
    "SE of beta": 10.0,
    "SE of variances": 10.0,
}
#: Of a double's digits so many are left for rounding errors of sums, beside a case's cost.
_SUMS, _DERIVED = 1.0, 4.0
#: What estimates keep whatever a case may cost: the order of the steps before sums are formed.
REQUIRED: dict[str, dict[str, float]] = {
    "y + 10^6": {"sigma": 13.0},
    "y + 10^8": {"slopes": 12.0, "sigma": 13.0},
    "slope column + 10^5": {"D": 12.0},
    "y + 10^8 and slope column + 10^5": {"D": 12.0},
    # a cost of 12 leaves no digit to derivatives by its bound, which is that of the worst order of
    # terms: these are kept over seeds 1 to 13, less a digit
    "level-1 weights over 12 decades": {"D": 9.0, "sigma": 8.0, "theta": 1.5, "SE of beta": 2.5},
    "both over 12 decades": {
        "D": 10.0,
        "intercept": 4.0,
        "slopes": 10.0,
        "sigma": 10.0,
        "theta": 4.0,
        "SE of beta": 4.0,
        "SE of variances": 5.0,
    },
    "residual 10^-6 of the effects": {
        "D": 7.0,
        "intercept": 5.0,
        "slopes": 11.0,
        "sigma": 7.0,
        "theta": 4.0,
        "SE of beta": 6.0,
        "SE of variances": 6.0,
    },
}
#: Of what no digit is promised, and why.
UNPROMISED: dict[str, dict[str, str]] = {
    "level-1 weights over 12 decades": {
        "SE of variances": "no digit is promised: they rest on rows that are 10^-12 of the sums",
    },
}
#: Where a search may stop before the minimum and say so; its theta is not compared then.
MAY_STOP = ("level-1 weights over 12 decades",)
_GIVEN, _MODEL = "theta is given", "these are the model's, of beta alone"
_ZERO = "theta has a zero, where the certified derivatives are not taken"
_BOUNDARY = "the variance is at its boundary"


def required(case: Case) -> dict[str, float]:
    """Digits that a case must keep, by quantity; what is not promised is not there."""
    least = {
        name: min(usual, max(0.0, _ALL - case.cost - (_DERIVED if name in _FLAT else _SUMS)))
        for name, usual in USUAL.items()
    }
    least |= REQUIRED.get(case.name, {})
    return {name: n for name, n in least.items() if name not in UNPROMISED.get(case.name, {})}


@dataclass(frozen=True)
class Digits:
    """Digits that a case kept.

    Attributes
    ----------
    kept : by quantity; None where there is nothing to compare.
    must : digits that it must keep, by quantity.
    absent : why a quantity is not compared, or no digit of it promised; whatever else has no
        digits is short of them.
    told : classes of the warnings and of the error that came.
    why : what conditions the case.
    """

    case: str
    kept: dict[str, float | None]
    must: dict[str, float]
    absent: dict[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    error: str = ""
    why: str = ""

    @property
    def short(self) -> list[str]:
        """Quantities with fewer digits than they must have."""
        held = {name: n for name, n in self.must.items() if name not in self.absent}
        return [name for name, n in held.items() if not (self.kept.get(name) or 0.0) >= n]


def kept(found: Iterable[float], certified: Iterable[Any], mp: Any) -> float:  # noqa: ANN401
    """Return the fewest digits in which numbers agree with certified ones; none for a NaN."""
    digits = []
    for value, exact in zip(found, certified, strict=True):
        if not math.isfinite(value):
            return 0.0
        off = abs(mp.mpf(float(value)) - exact)
        size = abs(exact) if exact != 0 else mp.mpf(1)
        digits.append(_ALL if off == 0 else min(_ALL, float(-mp.log10(off / size))))
    return max(min(digits), 0.0)


def digits_of(case: Case) -> Digits:
    """Fit a case, and certify what came out at its theta, and theta itself."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = _fit(case, written_out=True)
        except WemixRefError as error:
            return Digits(case.name, {}, {}, {}, (type(error).__name__,), str(error))
    told = tuple(dict.fromkeys(one.category.__name__ for one in caught))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = _fit(case, written_out=False) if case.full is not None else fit
    exact = Exact(small.design)
    theta = fit.theta.to_numpy()
    point = exact.at(theta)
    beta = fit.params.to_numpy()
    sandwich = fit.se_recipe == "wemix"
    out: dict[str, float | None] = {
        "D": kept([fit.deviance], [point.deviance], exact.mp),
        "intercept": kept(beta[:1], point.beta[:1], exact.mp),
        "slopes": kept(beta[1:], point.beta[1:], exact.mp),
        "sigma": kept([fit.sigma], [point.sigma], exact.mp),
        "theta": None,
        "SE of beta": kept(fit.bse, point.se_sandwich if sandwich else point.se_model, exact.mp),
        "SE of variances": None,
    }
    absent = dict(UNPROMISED.get(case.name, {}))
    if case.at is not None:
        absent["theta"] = _GIVEN
    elif _NO_MINIMUM in told and case.name in MAY_STOP:
        absent["theta"] = "the fit says that its search stopped before the minimum"
    else:
        out["theta"] = _digits_of_minimum(exact, theta, fit)
    why = _no_variances(case, fit)
    if why is None:
        here = [exact.mp.mpf(float(t)) for t in theta]
        certified = exact.se_variances(here, point.beta, point.sigma)
        out["SE of variances"] = kept(_se_variances(fit), certified, exact.mp)
    elif why:
        absent["SE of variances"] = why
    return Digits(case.name, out, required(case), absent, told, why=case.why)


def _digits_of_minimum(exact: Exact, theta: np.ndarray, fit: FittedModel) -> float:
    """Digits of theta; none where D falls when an element that is zero is not."""
    minimum = exact.minimum(theta)
    least = exact.deviance(minimum)
    for k in np.flatnonzero(theta == 0):
        step = exact.mp.mpf(1e-6 / fit._criterion.covariance.scale[k])
        for there in (step, -step):
            moved = [there if i == k else t for i, t in enumerate(minimum)]
            if not exact.deviance(moved) > least:
                return 0.0
    return kept(theta, minimum, exact.mp)


def _no_variances(case: Case, fit: FittedModel) -> str | None:
    """Why standard errors of variances are not compared; None where they are.

    Nothing in words if they are NaN for another reason than the case's, or numbers where the case
    has none.
    """
    if fit.se_recipe != "wemix":
        return _MODEL
    zero = bool((fit.theta == 0).any())
    expected = case.no_se or (_BOUNDARY if zero else "")
    reasons = list(fit.se_reasons.values())
    missing = int(np.isnan(_se_variances(fit)).sum())
    if len(reasons) != missing or any(not expected or expected not in one for one in reasons):
        return ""
    if case.no_se:
        return reasons[0] if missing == len(_se_variances(fit)) else ""
    if (fit.theta == 0).all():
        return reasons[0] if missing else ""
    return _ZERO if zero else None


def _fit(case: Case, *, written_out: bool) -> FittedModel:
    full = written_out and case.full is not None
    weights = None if full or case.weights is None else list(case.weights)
    data = case.full if full and case.full is not None else case.data
    # copies are other groups, so only the model's standard errors are the same written out
    se = "model" if case.full is not None else None
    fit = mix(case.formula, data, weights, se=se)
    return fit if case.at is None else fit.at(np.array(case.at))


def _se_variances(fit: FittedModel) -> np.ndarray:
    """Variances, covariances, then the residual's: the order of the certified ones."""
    return fit.variance_components["se"].to_numpy(dtype=float)


def told_of(ill: Ill, seed: int) -> tuple[str, str]:
    """Give ill-posed input: the class of the error or warning that came, and what it says."""
    data = ill.change(base(stream(seed, 0)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            mix(ill.formula, data, None if ill.weights is None else list(ill.weights))
        except WemixRefError as error:
            return type(error).__name__, str(error)
    own = [one for one in caught if issubclass(one.category, WemixRefWarning)]
    told = [(one.category.__name__, str(one.message)) for one in own]
    return next((one for one in told if as_it_must(ill, *one)), told[0] if told else ("", ""))


def as_it_must(ill: Ill, kind: str, words: str) -> bool:
    """Whether ill-posed input was told what it must be."""
    return kind == ill.kind and ill.words in words


def run(n: int, seed: int, tell: Callable[[str], None]) -> Record:
    """Certify the digits of all cases on `n` data sets, and list what ill-posed input is told."""
    began = time.monotonic()
    found: dict[str, list[Digits]] = {}
    for number in range(n):
        for case in cases(seed + number, small=number > 0):
            one = digits_of(case)
            found.setdefault(case.name, []).append(one)
            tell(f"{case.name}: {_line(one)}")
    said = [(ill.name, *told_of(ill, seed)) for ill in ill_posed()]
    every = [one for many in found.values() for one in many]
    short = [one for one in every if one.short or one.error]
    silent = [
        ill.name
        for ill, (_, *told_as) in zip(ill_posed(), said, strict=True)
        if not as_it_must(ill, *told_as)
    ]
    for name in silent:
        tell(f"{name}: not told as it must be")
    told = (
        f"{len(found)} strains on {n} data sets of seed {seed} on: everything is compared with "
        f"arithmetic that certifies {DIGITS} digits, at the theta where the fit ended, and theta "
        "with the minimum next to it. Data are taken as the doubles that they are. Digits are "
        f"-log10 of the relative error, at most {_ALL:g}; the table has the fewest. "
        f"{len(short)} fits kept fewer digits than they must. Of {len(said)} ill-posed inputs "
        f"{len(silent)} were not told of by the error or warning, and in the words, that they must."
    )
    tables = (
        Table("Digits kept", ("strain", *QUANTITIES, "warnings"), tuple(_rows(found))),
        Table(
            "Digits that must be kept",
            ("strain", *QUANTITIES, "conditioned by"),
            tuple(_musts(found)),
        ),
        Table("Not compared", ("strain", "quantity", "why"), tuple(_absent(found))),
        Table("Ill-posed input", ("input", "told as", "in words"), tuple(said)),
    )
    versions = versions_here() | _mpmath_version()
    return Record(
        part="numbers",
        command=f"wemix-ref reliability numbers --n {n} --seed {seed}",
        tried=len(every) + len(said),
        failed=len(short) + len(silent),
        seconds=time.monotonic() - began,
        told=told,
        tables=tables,
        versions=versions,
    )


def _mpmath_version() -> dict[str, str]:
    from importlib.metadata import version

    return {"mpmath": version("mpmath")}


def _line(one: Digits) -> str:
    if one.error:
        return one.error
    digits = ", ".join(f"{k} {v:.1f}" for k, v in one.kept.items() if v is not None)
    return digits + (f"; too few: {', '.join(one.short)}" if one.short else "")


def _rows(found: dict[str, list[Digits]]) -> Iterator[tuple[str | float | None, ...]]:
    for name, many in found.items():
        cells: list[float | None] = []
        for quantity in QUANTITIES:
            values = [one.kept.get(quantity) for one in many]
            known = [value for value in values if value is not None]
            cells.append(round(min(known), 1) if known else None)
        told: Sequence[str] = sorted({word for one in many for word in one.told})
        yield (name, *cells, ", ".join(told))


def _musts(found: dict[str, list[Digits]]) -> Iterator[tuple[str | float | None, ...]]:
    yield ("usual", *(USUAL[quantity] for quantity in QUANTITIES), "")
    for name, (one, *_) in found.items():
        if not one.error and one.must != USUAL:
            yield (name, *(one.must.get(quantity) for quantity in QUANTITIES), one.why)


def _absent(found: dict[str, list[Digits]]) -> Iterator[tuple[str, str, str]]:
    for name, many in found.items():
        listed = [(quantity, why) for one in many for quantity, why in one.absent.items()]
        for quantity, why in dict.fromkeys(listed):
            yield (name, quantity, why)
