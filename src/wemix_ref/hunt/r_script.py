"""An R script that shows a case with nothing but R and the package."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wemix_ref.engines.model_request import r_formula
from wemix_ref.formula.deparse import format_number, quote_name
from wemix_ref.hunt.expected import Pair
from wemix_ref.hunt.identities import IDENTITIES
from wemix_ref.hunt.model import Model

__all__ = ["r_script"]

_LME4 = """suppressMessages(library(lme4))
answer_of <- function(formula, data, weights, conditional, theta) {
  criterion <- lmer(formula, data, REML = FALSE, devFunOnly = TRUE)
  fit <- suppressMessages(suppressWarnings(lmer(formula, data, REML = FALSE)))
  c("at theta" = criterion(theta), "at its optimum" = as.numeric(-2 * logLik(fit)))
}
"""
_WEMIX = """suppressMessages(library(WeMix))
answer_of <- function(formula, data, weights, conditional, theta) {
  fit <- suppressWarnings(mix(formula, data, weights = weights, cWeights = conditional))
  there <- suppressWarnings(fit$lnlf(stats::setNames(theta, names(fit$theta))))
  c("at theta" = -2 * as.numeric(if (is.list(there)) there$lnl else there),
    "at its optimum" = -2 * fit$lnl)
}
"""
_WEMIX_ERRORS = """suppressMessages(library(WeMix))
answer_of <- function(formula, data, weights, conditional, theta) {
  fit <- suppressWarnings(mix(formula, data, weights = weights, cWeights = conditional))
  rows <- fit$varDF
  list(
    coefficients = fit$SE,
    variances = stats::setNames(rows$SEvcov, paste("level", rows$level, rows$var1, rows$var2))
  )
}
told_errors <- function(errors) tryCatch({
  print(errors()$coefficients, digits = 8)
  print(errors()$variances, digits = 8)
}, error = function(e) cat("error:", conditionMessage(e), "\\n"))
"""
_SHOW = """told <- function(way) tryCatch(
  cat(sprintf("%-15s %.10g\\n", names(way), way), sep = ""),
  error = function(e) cat("error:", conditionMessage(e), "\\n")
)
"""
_DEFINITIONS = {"lme4": _LME4, "wemix": _WEMIX}


def r_script(
    engine: str, pair: Pair, files: tuple[str, str], kind: str = "another model"
) -> str | None:
    """Return a script that fits both ways of a pair and prints both deviances.

    Of WeMix it prints standard errors in their place where they are what differs.

    Formulas are written anew from our parse; data are read from files, texts as text.

    Parameters
    ----------
    engine : str
    pair : Pair
    files : tuple of str
        The two CSV files, beside the script.
    kind : str
        Of the verdict.

    Returns
    -------
    str or None
        None where the engine is none of R's for which a script can stand alone.
    """
    if engine not in _DEFINITIONS:
        return None
    by_errors = kind == "standard errors" and engine == "wemix"
    asked = _errors(pair) if by_errors else _deviances(pair)
    return "\n".join(
        [
            f"# {IDENTITIES[pair.identity].says}",
            "# Run in the directory of the files: Rscript show.R",
            _WEMIX_ERRORS if by_errors else _DEFINITIONS[engine] + _SHOW,
            _call("first", pair.first, files[0]),
            _call("second", pair.second, files[1]),
            *asked,
            "",
        ]
    )


def _deviances(pair: Pair) -> list[str]:
    expected = pair.expected
    scale = format_number(abs(expected.y_scale))
    weight = repr(pair.first.total_weight())
    return [
        'cat("Deviance of the first way:\\n")',
        "told(first())",
        'cat("So the deviance of the second way must be:\\n")',
        f"told({format_number(expected.factor)} * (first() + 2 * {weight} * log({scale})))",
        'cat("It is:\\n")',
        "told(second())",
    ]


def _errors(pair: Pair) -> list[str]:
    factor = pair.expected.se.get("wemix") or 1.0
    b = abs(pair.expected.y_scale)
    times, squared = format_number(factor * b), format_number(factor * b * b)
    return [
        'cat("Standard errors of coefficients and of variances, first way:\\n")',
        "told_errors(first)",
        'cat("So those of the second way must be:\\n")',
        "told_errors(function() list(",
        f"  coefficients = {times} * first()$coefficients,",
        f"  variances = {squared} * first()$variances",
        "))",
        'cat("They are:\\n")',
        "told_errors(second)",
    ]


def _call(name: str, model: Model, file: str) -> str:
    """Read a file and name the function that fits it; deferred, so that an error is shown."""
    classes = ", ".join(
        f'{quote_name(str(column))} = "{_r_class(model.data[column])}"' for column in model.data
    )
    weights = ", ".join(f'"{name}"' for name in model.weights or ())
    theta = ", ".join(repr(float(value)) for value in model.common_theta())
    conditional = "TRUE" if model.conditional else "FALSE"
    lines = [
        f'{name}_data <- read.csv("{Path(file).name}", check.names = FALSE,',
        f"  colClasses = c({classes}))",
    ]
    if model.weights is None:
        units = ", ".join(f'"unit{level}"' for level in range(1, model.levels + 1))
        lines.append(f"{name}_data[c({units})] <- 1")
        weights = units
    lines += [
        f"{name} <- function() answer_of({r_formula(model.formula)},",
        f"  {name}_data, c({weights}), {conditional}, c({theta}))",
    ]
    return "\n".join(lines)


def _r_class(column: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(column):
        return "integer"
    return "numeric" if pd.api.types.is_numeric_dtype(column) else "character"
