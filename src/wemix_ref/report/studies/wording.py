"""What the measures and the settings of a study are called, and how they are defined."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

__all__ = [
    "FAMILIES",
    "FIT",
    "MEASURES",
    "METHODS",
    "RECIPES",
    "SCALINGS",
    "WEIGHTS",
    "Family",
    "Measure",
    "measure_of",
]

# The parameter under which rates of whole fits stand.
FIT = "(fit)"


@dataclass(frozen=True)
class Measure:
    """A measure of performance.

    Attributes
    ----------
    name : str
        As in the table of measures.
    title, head : str
        In a sentence, and over a column.
    scale : float
        What the stored number is multiplied by to be shown.
    definition, error : Markup
        The formula, and that of its Monte Carlo standard error.
    """

    name: str
    title: str
    head: str
    scale: float
    definition: Markup
    error: Markup


@dataclass(frozen=True)
class Family:
    """Measures that stand in one table."""

    name: str
    title: str
    measures: tuple[str, ...]


_D = "<i>d</i><sub><i>r</i></sub>"
_N = "<i>n</i>"
_P = f"√[<i>p</i>(1 − <i>p</i>) / {_N}]"
_S2 = "<i>s</i>²"
_EST = "<i>θ̂</i><sub><i>r</i></sub>"
_RATIO = "delta method for a ratio, both parts from the same replicates"
_PAIR = "from the replicates’ differences, or the delta method for a ratio, with the pairing"
_BOOTSTRAP = "by bootstrap over replicates"


def _measure(
    name: str, title: str, head: str, definition: str, error: str, scale: float = 1.0
) -> Measure:
    return Measure(name, title, head, scale, Markup(definition), Markup(error))


MEASURES = {
    one.name: one
    for one in (
        _measure(
            "mean_estimate",
            "mean estimate",
            "mean estimate",
            f"Σ {_EST} / {_N}",
            f"√[Var({_EST}) / {_N}]",
        ),
        _measure(
            "mean_target",
            "mean target",
            "mean target",
            f"Σ <i>θ</i><sub><i>r</i></sub> / {_N}",
            f"√[Var(<i>θ</i><sub><i>r</i></sub>) / {_N}]",
        ),
        _measure("bias", "bias", "bias", f"Σ {_D} / {_N}", f"√[Var({_D}) / {_N}]"),
        _measure(
            "relative_bias",
            "relative bias",
            "relative bias, %",
            "100 × bias / mean target; left out where the mean target is near zero for its MCSE",
            _RATIO,
            100.0,
        ),
        _measure("median_error", "median error", "median error", f"median of {_D}", _BOOTSTRAP),
        _measure(
            "empirical_se",
            "empirical standard error",
            "empirical SE",
            f"√Var({_D})",
            f"√[Var(({_D} − bias)²) / (4 {_N} EmpSE²)]",
        ),
        _measure("mse", "mean squared error", "MSE", f"Σ {_D}² / {_N}", f"√[Var({_D}²) / {_N}]"),
        _measure(
            "rmse",
            "root mean squared error",
            "RMSE",
            "√MSE",
            "MCSE of the MSE / (2 RMSE)",
        ),
        _measure(
            "model_se",
            "average model standard error",
            "model SE",
            f"√(Σ {_S2} / {_N})",
            f"√[Var({_S2}) / (4 {_N} ModSE²)]",
        ),
        _measure(
            "relative_error_model_se",
            "relative error of the model standard error",
            "error of model SE, %",
            "100 × (ModSE / EmpSE − 1)",
            _RATIO,
            100.0,
        ),
        _measure(
            "coverage",
            "coverage",
            "coverage, %",
            "share of intervals that hold the target",
            _P,
            100.0,
        ),
        _measure(
            "bias_eliminated_coverage",
            "bias-eliminated coverage",
            "bias-eliminated coverage, %",
            "share of intervals that hold the target plus the bias",
            _P,
            100.0,
        ),
        _measure(
            "rejection_rate",
            "rejection rate",
            "rejection, %",
            "share of intervals that do not hold the null value",
            _P,
            100.0,
        ),
        _measure(
            "se_available_rate",
            "standard errors available",
            "SE available, %",
            "share of fits with a standard error above zero",
            _P,
            100.0,
        ),
        _measure(
            "convergence_rate",
            "convergence",
            "converged, %",
            "share of replicates",
            _P,
            100.0,
        ),
        _measure(
            "singular_rate",
            "singular fits",
            "singular, %",
            "share of fits on the boundary",
            _P,
            100.0,
        ),
        _measure(
            "failure_rate", "failures", "failed, %", "share of replicates without a fit", _P, 100.0
        ),
        _measure("bias_difference", "difference in bias", "bias, difference", "bias − bias", _PAIR),
        _measure("mse_difference", "difference in MSE", "MSE, difference", "MSE − MSE", _PAIR),
        _measure(
            "empirical_se_ratio",
            "ratio of empirical SEs",
            "empirical SE, ratio",
            "EmpSE / EmpSE",
            _PAIR,
        ),
        _measure("model_se_ratio", "ratio of model SEs", "model SE, ratio", "ModSE / ModSE", _PAIR),
        _measure(
            "coverage_difference",
            "difference in coverage",
            "coverage, difference, points",
            "coverage − coverage",
            _PAIR,
            100.0,
        ),
    )
}


def measure_of(name: str) -> Measure:
    """Give a measure by its name; one that has no wording here is called by its name."""
    words = name.replace("_", " ")
    return MEASURES.get(name) or _measure(name, words, words, "", "")


FAMILIES = (
    Family(
        "bias", "Bias", ("mean_target", "mean_estimate", "bias", "relative_bias", "median_error")
    ),
    Family(
        "precision",
        "Precision and standard errors",
        ("empirical_se", "model_se", "relative_error_model_se", "rmse", "mse"),
    ),
    Family(
        "coverage",
        "Intervals and tests",
        ("coverage", "bias_eliminated_coverage", "rejection_rate", "se_available_rate"),
    ),
    Family(
        "fits",
        "Fits",
        ("convergence_rate", "singular_rate", "failure_rate"),
    ),
)

# Sampling schemes: what they are called, and who gave them.
METHODS = {
    "census": ("census", "every unit is taken"),
    "srs": ("simple random sampling", "fixed size, without replacement (Cochran 1977)"),
    "poisson": ("Poisson sampling", "each unit by itself, random size (Hájek 1964)"),
    "systematic": (
        "systematic sampling",
        "fixed size, a random start, then equal steps over the units as they stand (Madow 1949)",
    ),
    "sampford": (
        "Sampford’s design",
        "fixed size, without replacement, exact inclusion probabilities (Sampford 1967)",
    ),
    "pivotal": (
        "pivotal method",
        "fixed size, without replacement, exact inclusion probabilities (Deville & Tillé 1998)",
    ),
}
WEIGHTS = {
    "none": "no weights",
    "all": "conditional weights at every level",
    "level-1": "level-1 weights only; groups have weight one",
    "top": "weights of the top level only",
    "total": "total weights at level 1 and the groups’ own weights above",
    "total-only": "total weights put at level 1, none above",
    "precision": "total weights given as lme4’s precision weights",
}
SCALINGS = {
    "none": "as they are",
    "size": "to sum to the group’s sample size",
    "effective": "to sum to the group’s effective size",
    "gk": "to mean one within the group, moved up (Graubard & Korn 1996)",
}
RECIPES = {
    "model": "inverse information, weights read as numbers of units",
    "wemix": "sandwich as WeMix computes it",
    "stata": "sandwich as Stata computes it",
    "gllamm": "sandwich as gllamm computes it",
    "sas": "sandwich as SAS computes it",
    "mplus": "sandwich as Mplus computes it",
}
