"""Numbers under stress: digits kept, certified by arithmetic of many digits."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wemix_ref.errors import WemixRefError, WemixRefWarning
from wemix_ref.fit import mix
from wemix_ref.hunt.models import stream
from wemix_ref.reliability.certified import DIGITS, Exact
from wemix_ref.reliability.record import Record, Table, versions_here
from wemix_ref.reliability.stress import Case, Ill, base, cases, ill_posed
from wemix_ref.results import FittedModel

__all__ = ["QUANTITIES", "REQUIRED", "Digits", "digits_of", "required", "run", "told_of"]

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
}


def required(case: Case) -> dict[str, float]:
    """Digits that a case must keep, by quantity."""
    least = {
        name: min(usual, max(0.0, _ALL - case.cost - (_DERIVED if name in _FLAT else _SUMS)))
        for name, usual in USUAL.items()
    }
    return least | REQUIRED.get(case.name, {})


@dataclass(frozen=True)
class Digits:
    """Digits that a case kept.

    A fit that says that it did not converge is not held to the minimum's theta.

    Attributes
    ----------
    kept : by quantity; None where there is nothing to compare.
    must : digits that it must keep, by quantity.
    told : classes of the warnings and of the error that came.
    """

    case: str
    kept: dict[str, float | None]
    must: dict[str, float]
    told: tuple[str, ...] = ()
    error: str = ""

    @property
    def short(self) -> list[str]:
        """Quantities with fewer digits than they must have."""
        return [
            name
            for name, left in self.kept.items()
            if left is not None
            and not left >= self.must[name]
            and not (name == "theta" and _NO_MINIMUM in self.told)
        ]


def kept(found: Iterable[float], certified: Iterable[Any], mp: Any) -> float | None:  # noqa: ANN401
    """Return the fewest digits in which numbers agree with certified ones; None without any."""
    fewest = math.inf
    for value, exact in zip(found, certified, strict=True):
        if math.isnan(value):
            continue
        off = abs(mp.mpf(float(value)) - exact)
        size = abs(exact) if exact != 0 else mp.mpf(1)
        here = _ALL if off == 0 else min(_ALL, float(-mp.log10(off / size)))
        fewest = min(fewest, here)
    return None if math.isinf(fewest) else max(fewest, 0.0)


def digits_of(case: Case) -> Digits:
    """Fit a case, and certify what came out at its theta, and theta itself."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = _fit(case, written_out=True)
        except WemixRefError as error:
            return Digits(case.name, {}, {}, (type(error).__name__,), str(error))
    told = tuple(dict.fromkeys(one.category.__name__ for one in caught))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = _fit(case, written_out=False) if case.full is not None else fit
    exact = Exact(small.design)
    theta = fit.theta.to_numpy()
    point = exact.at(theta)
    beta = fit.params.to_numpy()
    recipe = fit if fit.se_recipe == "wemix" else None
    out: dict[str, float | None] = {
        "D": kept([fit.deviance], [point.deviance], exact.mp),
        "intercept": kept(beta[:1], point.beta[:1], exact.mp),
        "slopes": kept(beta[1:], point.beta[1:], exact.mp),
        "sigma": kept([fit.sigma], [point.sigma], exact.mp),
        "theta": None,
        "SE of beta": kept(
            fit.bse, point.se_sandwich if recipe is not None else point.se_model, exact.mp
        ),
        "SE of variances": None,
    }
    if case.at is None:
        out["theta"] = kept(theta, exact.minimum(theta), exact.mp)
    if recipe is not None and (theta != 0).all():
        here = [exact.mp.mpf(float(t)) for t in theta]
        certified = exact.se_variances(here, point.beta, point.sigma)
        out["SE of variances"] = kept(_se_variances(fit), certified, exact.mp)
        if np.isnan(_se_variances(fit)).any():
            told += ("SE of variances NaN, with its reason",)
    return Digits(case.name, out, required(case), told)


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
    if not own:
        return "", ""
    return own[0].category.__name__, str(own[0].message)


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
    silent = [name for name, kind, _ in said if not kind]
    told = (
        f"{len(found)} strains on {n} data sets of seed {seed} on: everything is compared with "
        f"arithmetic that certifies {DIGITS} digits, at the theta where the fit ended, and theta "
        "with the minimum next to it. Data are taken as the doubles that they are. Digits are "
        f"-log10 of the relative error, at most {_ALL:g}; the table has the fewest. "
        f"{len(short)} fits kept fewer digits than they must. Of {len(said)} ill-posed inputs "
        f"{len(silent)} were answered without a word."
    )
    tables = (
        Table("Digits kept", ("strain", *QUANTITIES, "warnings"), tuple(_rows(found))),
        Table(
            "Digits that must be kept",
            ("strain", *QUANTITIES, "conditioned by"),
            tuple(_musts(seed)),
        ),
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


def _musts(seed: int) -> Iterator[tuple[str | float | None, ...]]:
    yield ("usual", *(USUAL[quantity] for quantity in QUANTITIES), "")
    for case in cases(seed, small=True):
        if case.cost or case.name in REQUIRED:
            must = required(case)
            yield (case.name, *(must[quantity] for quantity in QUANTITIES), case.why)
