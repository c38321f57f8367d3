"""Distributions in words: covariates and sizes as they are, effects and residuals rescaled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from wemix_ref.simulate.distributions import COVARIATES

__all__ = ["OPTIONS", "RESCALED", "distribution_words", "quantity", "rescaled_words"]

# Options in their order: a word that ends in `=` names the option, others read on.
OPTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "normal": ("normal", {"mean": "mean =", "sd": "SD ="}),
    "t": ("Student’s t", {"df": "degrees of freedom =", "mean": "mean =", "scale": "scale ="}),
    "laplace": ("Laplace", {"mean": "mean =", "sd": "SD ="}),
    "gamma": ("gamma", {"shape": "shape =", "scale": "scale ="}),
    "lognormal": (
        "log-normal",
        {"meanlog": "mean of the logarithm =", "sdlog": "SD of the logarithm ="},
    ),
    "uniform": ("uniform", {"low": "from", "high": "to"}),
    "integers": ("equally likely whole numbers", {"low": "from", "high": "to"}),
    "bernoulli": ("Bernoulli", {"p": "1 with probability"}),
    "poisson": ("Poisson", {"mean": "mean =", "minimum": "minimum ="}),
}
# Put to mean 0 and a stated SD.
RESCALED: dict[str, tuple[str, dict[str, str], str]] = {
    "normal": ("normal", {}, ""),
    "t": ("Student’s t", {"df": "degrees of freedom ="}, "scaled to"),
    "gamma": ("gamma", {"shape": "shape ="}, "shifted and scaled to"),
    "lognormal": ("log-normal", {"sdlog": "SD of the logarithm ="}, "shifted and scaled to"),
    "uniform": ("uniform", {}, ""),
    "laplace": ("Laplace", {}, ""),
}
_READS_ON = {"uniform", "integers"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def quantity(value: object) -> Markup:
    """Write a number as text, an expression as code."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _NUMBER.fullmatch(text):
        return Markup("{}").format(text.replace("-", "−"))
    return Markup("<code>{}</code>").format(text)


def distribution_words(one: Mapping[str, Any]) -> Markup:
    """Say what a covariate, a derived variable or a size is drawn from, defaults included.

    Parameters
    ----------
    one : Mapping
        ``distribution`` and its options; other keys are passed over.

    Returns
    -------
    Markup
    """
    name = str(one["distribution"])
    title, words = OPTIONS.get(name, (name, {}))
    known = COVARIATES.get(name)
    options = {key: one.get(key, known.options.get(key)) for key in words} if known else {}
    if options.get("minimum") == 0:
        del options["minimum"]
    parts = [_option(words[key], value) for key, value in options.items()]
    glue = Markup(" ") if name in _READS_ON else Markup(", ")
    return glue.join([title, *parts])


def rescaled_words(one: Mapping[str, Any], spread: Markup) -> Markup:
    """Say what random effects or residuals are drawn from.

    Parameters
    ----------
    one : Mapping
        ``distribution``, normal where left out, and its options.
    spread : Markup
        Mean, SD and correlations in words.

    Returns
    -------
    Markup
    """
    name = str(one.get("distribution", "normal"))
    title, words, moved = RESCALED.get(name, (name, {}, ""))
    parts = [_option(word, one[key]) for key, word in words.items() if key in one]
    text = Markup(title) + (Markup(" (") + Markup(", ").join(parts) + ")" if parts else "")
    return Markup("{}, {} {}").format(text, moved, spread) if moved else text + ", " + spread


def _option(word: str, value: object) -> Markup:
    told = quantity(value)
    if "<" not in told:
        word = word.removesuffix(" =")
    return Markup("{} {}").format(word, told)
