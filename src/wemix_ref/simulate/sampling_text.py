"""A sampling design in words and tables, for the report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from wemix_ref.simulate.arithmetic import Expression
from wemix_ref.simulate.sampling_spec import (
    METHODS,
    Nonresponse,
    SamplingSpec,
    Stage,
    Trimming,
)

__all__ = ["describe_sampling"]


def describe_sampling(
    spec: SamplingSpec, variables: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Describe each level's stage.

    Parameters
    ----------
    spec : SamplingSpec
    variables : collection of str or None
        The population's variables; names that are not among them (parameters) are left out of
        what probabilities depend on. None: all names are given.

    Returns
    -------
    list of dict
        One for each level, top first, with the keys ``level``; ``method`` (as in the file) and
        ``title``; ``source`` (author and year, or empty); ``amount`` (size, rate or probability as
        text); ``measure`` and ``strata`` (text, or empty); ``names`` (list of what the selection
        depends on, sorted); ``weight`` (as coded, or ``1 / probability``); ``nonresponse``,
        ``nonresponse_names``, ``trimming`` and ``noise`` (text or empty, list, text, text).
    """
    described = []
    for level, stage in enumerate(spec.stages):
        method = METHODS[stage.method]
        nonresponse, noise = spec.nonresponse[level], spec.noise[level]
        described.append(
            {
                "level": spec.levels[level],
                "method": stage.method,
                "title": method.title,
                "source": method.source,
                "amount": _amount(stage),
                "measure": _text(stage.measure),
                "strata": _text(stage.strata),
                "names": _names(
                    variables,
                    stage.size,
                    stage.rate,
                    stage.probability,
                    stage.measure,
                    stage.strata,
                ),
                "weight": "1 / probability" if stage.weight is None else stage.weight.text,
                "nonresponse": _nonresponse(nonresponse),
                "nonresponse_names": _names(
                    variables, None if nonresponse is None else nonresponse.probability
                ),
                "trimming": _trimming(spec.trimming[level]),
                "noise": ""
                if noise is None
                else f"times a gamma variable, mean 1, cv {noise.text}",
            }
        )
    return described


def _text(expression: Expression | None) -> str:
    return "" if expression is None else expression.text


def _names(variables: Collection[str] | None, *expressions: Expression | None) -> list[str]:
    names = {name for written in expressions if written is not None for name in written.names}
    names.discard("count")
    return sorted(name for name in names if variables is None or name in variables)


def _amount(stage: Stage) -> str:
    if stage.method == "census":
        return "all"
    if stage.probability is not None:
        return f"probability {stage.probability.text}"
    expected = "" if METHODS[stage.method].fixed else "expected "
    if stage.size is not None:
        return f"{expected}size {stage.size.text}"
    return f"{expected}rate {_text(stage.rate)}"


def _nonresponse(nonresponse: Nonresponse | None) -> str:
    if nonresponse is None:
        return ""
    adjusted = {
        "none": "not adjusted for",
        "exact": "weights divided by the probability",
        "classes": f"weighting classes {_text(nonresponse.classes)} (Oh and Scheuren 1983)",
    }
    return (
        f"response with probability {nonresponse.probability.text}, "
        + (adjusted[nonresponse.adjust])
    )


def _trimming(trimming: Trimming | None) -> str:
    if trimming is None:
        return ""
    bound = (
        f"the quantile {trimming.quantile.text}"
        if trimming.quantile is not None
        else f"{_text(trimming.times_median)} times the median"
    )
    rest = ", what is cut given to the others" if trimming.redistribute else ""
    return f"at {bound} of the conditional weights{rest} (Potter 1990)"
