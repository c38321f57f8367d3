"""Tables of a fitted model with the columns of R's broom.mixed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wemix_ref.errors import DataError, ModelError, OptionError
from wemix_ref.frames import as_pandas
from wemix_ref.intervals import Reference, check_level
from wemix_ref.model_matrix import complete_rows

if TYPE_CHECKING:
    from wemix_ref.components import Component
    from wemix_ref.fitted import Fitted

__all__ = ["augment", "glance", "information_criteria", "n_parameters", "tidy"]

AT_ONE = "the correlation is at its boundary, one in size, or its variances have no standard error"
NO_CORRELATION = "a variance is zero, so there is no correlation"

NO_CRITERIA = (
    "AIC and BIC are defined by a likelihood; sampling weights make a pseudo-likelihood, whose "
    "size follows the sum of the weights"
)


def tidy(
    fit: Fitted,
    effects: str,
    scales: str,
    against: Reference,
    *,
    conf_int: bool,
    conf_level: float,
    p_values: bool,
) -> pd.DataFrame:
    """One row an estimate: effect, group, term, estimate, std.error, statistic, and more.

    Raises
    ------
    OptionError
        Unknown effects or scales, or a level outside (0, 1).
    """
    if effects not in ("both", "fixed", "ran_pars"):
        raise OptionError(f'effects must be "both", "fixed" or "ran_pars"; found {effects!r}.')
    if scales not in ("sdcor", "vcov"):
        raise OptionError(f'scales must be "sdcor" or "vcov"; found {scales!r}.')
    level = check_level(conf_level)
    parts = []
    if effects in ("both", "fixed"):
        parts.append(_fixed(fit, against, level))
    if effects in ("both", "ran_pars"):
        parts.append(_random(fit, scales))
    columns = ["effect", "group", "term", "estimate", "std.error", "statistic"]
    columns += ["p.value"] if p_values else []
    columns += ["conf.low", "conf.high"] if conf_int else []
    table = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)
    # concat takes a column that is empty throughout one part for an object or a float column
    numbers = columns[3:]
    table = table.astype(dict.fromkeys(numbers, float) | {"group": object})
    missing = table["term"].str.startswith("cor__") & table["std.error"].isna()
    table.attrs["reasons"] = {
        (effect, group, term): NO_CORRELATION if math.isnan(estimate) else AT_ONE
        for effect, group, term, estimate in zip(
            *(table.loc[missing, name].tolist() for name in columns[:4]), strict=True
        )
    }
    return table


def _fixed(fit: Fitted, against: Reference, level: float) -> pd.DataFrame:
    half = against.quantile(level) * fit.bse.to_numpy()
    t = fit.tvalues.to_numpy()
    return pd.DataFrame(
        {
            "effect": "fixed",
            "group": None,
            "term": list(fit.params.index),
            "estimate": fit.params.to_numpy(),
            "std.error": fit.bse.to_numpy(),
            "statistic": t,
            "p.value": against.p_values(t),
            "conf.low": fit.params.to_numpy() - half,
            "conf.high": fit.params.to_numpy() + half,
        }
    )


def _random(fit: Fitted, scales: str) -> pd.DataFrame:
    """Rows in lme4's order of the lower triangle, each term column by column, residual last."""
    prefixes = ("sd", "cor") if scales == "sdcor" else ("var", "cov")
    rows = []
    for position in _lower_triangle(fit):
        part = fit._components[position]
        if part.var1 is None:
            term = f"{prefixes[0]}__Observation"
        elif part.var2 is None:
            term = f"{prefixes[0]}__{part.var1}"
        else:
            term = f"{prefixes[1]}__{part.var1}.{part.var2}"
        estimate = part.sdcor if scales == "sdcor" else part.vcov
        rows.append(("ran_pars", part.group, term, estimate, _error(fit, position, scales)))
    return pd.DataFrame(rows, columns=["effect", "group", "term", "estimate", "std.error"])


def _lower_triangle(fit: Fitted) -> Iterator[int]:
    """Positions in `components` (variances, then covariances), in the order of theta."""
    start = 0
    for level in fit.design.covariance.levels:
        for block in level.blocks:
            q = block.size
            covariance = start + q
            for j in range(q):
                yield start + j
                for _ in range(j + 1, q):
                    yield covariance
                    covariance += 1
            start += block.n_theta
    yield start


def _error(fit: Fitted, position: int, scales: str) -> float:
    """Standard error on the scale asked for, by the delta method from that of the vcov scale."""
    part, se = fit._components[position], fit._inference.se_components[position]
    if scales == "vcov" or np.isnan(se):
        return se
    if part.var2 is None:
        return se / (2.0 * part.sdcor)
    if part.correlation_is_one:
        return float("nan")
    # r = c / sqrt(a b):  dr = dc / sqrt(a b) - r/2 (da / a + db / b)
    at = fit._boundary_components[position]
    a, b = (_variance(fit, at, name) for name in (at.var1, at.var2))
    root = np.sqrt(a.vcov * b.vcov)
    r = at.vcov / root
    gradient = at.gradient / root - 0.5 * r * (a.gradient / a.vcov + b.gradient / b.vcov)
    variance = float(fit._inference.cov_of(gradient[None, :], at.level)[0, 0])
    return float(np.sqrt(variance)) if variance >= 0 else float("nan")


def _variance(fit: Fitted, of: Component, name: str | None) -> Component:
    """The variance of a coefficient in the same term as a covariance."""
    parts = fit._boundary_components
    at = next(i for i, part in enumerate(parts) if part is of)
    return next(
        part
        for part in reversed(parts[:at])
        if (part.group, part.var1, part.var2) == (of.group, name, None)
    )


def n_parameters(fit: Fitted) -> int:
    """Fixed effects, theta and sigma."""
    return fit.design.X.shape[1] + fit.design.covariance.n_theta + 1


def information_criteria(fit: Fitted) -> tuple[float, float]:
    """AIC and BIC: the deviance (REML criterion) plus 2 or log n times the parameters.

    Raises
    ------
    ModelError
        Weighted fits.
    """
    if fit.weighted:
        raise ModelError(f"{NO_CRITERIA}. Compare weighted fits by wald_test.")
    k = n_parameters(fit)
    return fit.deviance + 2.0 * k, fit.deviance + float(np.log(fit.nobs)) * k


def glance(fit: Fitted) -> pd.DataFrame:
    """One row: nobs, sigma, logLik, AIC, BIC, REMLcrit, deviance, df.residual."""
    nan = float("nan")
    aic, bic = (nan, nan) if fit.weighted else information_criteria(fit)
    row = {
        "nobs": fit.nobs,
        "sigma": fit.sigma,
        "logLik": fit.llf,
        "AIC": aic,
        "BIC": bic,
        "REMLcrit": fit.deviance if fit.reml else nan,
        "deviance": nan if fit.reml else fit.deviance,
        "df.residual": fit.nobs - n_parameters(fit),
    }
    table = pd.DataFrame([row])
    if fit.weighted:
        table.attrs["reasons"] = {"AIC": NO_CRITERIA, "BIC": NO_CRITERIA}
    return table


def augment(fit: Fitted, data: object | None) -> pd.DataFrame:
    """Data of the rows used, with .fitted, .resid, .fixed, .mu, .offset and, weighted, .weights.

    Raises
    ------
    DataError
        Data that are not those of the fit, or that have a column of such a name.
    """
    design = fit.design
    if design.source is None:
        raise DataError("this fit does not hold its data. Fit it with mix().")
    own = design.source.data
    frame = own if data is None else as_pandas(data)
    if len(frame) != len(own) or not frame.index.equals(own.index):
        raise DataError(
            f"data must be those that were fitted, row by row: {len(own)} rows with the same "
            f"index; found {len(frame)} rows. Pass the same table, or none."
        )
    out = frame[complete_rows(design.formula.variables(), own)].copy()
    new = {
        ".fitted": fit.fittedvalues.to_numpy(),
        ".resid": fit.resid.to_numpy(),
        ".fixed": design.X @ fit.params.to_numpy() + design.offset,
        ".mu": fit.fittedvalues.to_numpy(),
        ".offset": design.offset,
    }
    if fit.weighted:
        new[".weights"] = design.omega
    taken = [name for name in new if name in out.columns]
    if taken:
        raise DataError(
            f"the data have columns that are added here: {', '.join(map(repr, taken))}. Rename "
            "them, or pass no data."
        )
    for name, values in new.items():
        out[name] = values
    return out
