"""Answers of R functions -> fit results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wemix_ref.engines.protocol import FitResult, Problem
from wemix_ref.engines.r_process import RReply
from wemix_ref.engines.record import make_point, matrices_table, new_record, without_answer


def _by_name(pair: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return dict(zip(pair["names"], pair["values"], strict=True))


def _components(table: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    rows = []
    for i, group in enumerate(table["group"]):
        row = {"group": group}
        for column in ("var1", "var2", "level", "vcov", "sdcor", "se"):
            value = table[column][i] if column in table else None
            row[column] = None if isinstance(value, float) and math.isnan(value) else value
        rows.append(row)
    return rows


def _optimizer(told: Mapping[str, Sequence[Any] | None]) -> dict[str, Any]:
    return {name: value[0] if value else None for name, value in told.items()}


def _sandwich(answer: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "se_beta": dict(zip(names, map(_number, answer["se_beta"]), strict=True)),
        "cov_beta": np.reshape(answer["cov_beta"], (len(names), len(names))).tolist(),
        "se_variance_components": list(map(_number, answer["se_variance"])),
    }
    message = answer.get("message")
    if message and message[0]:
        recipe["message"] = message[0]
    return recipe


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def point_of(answer: Mapping[str, Any], se_recipe: str) -> dict[str, Any]:
    """Return one point of a record from what R returned for it.

    Parameters
    ----------
    answer : mapping
        ``theta``, ``deviance``, ``beta``, ``sigma``, ``se_beta``, ``cov_beta``, ``components``,
        ``nobs``, ``ngroups`` and what else the engine gives, such as ``sandwich``, the standard
        errors by the recipe ``wemix`` made from lme4's pieces.
    se_recipe : str
        ``model`` or ``wemix``: which covariance of beta R gave.
    """
    names = answer["beta"]["names"]
    others: dict[str, Any] = {
        "se_beta": dict(zip(names, answer["se_beta"], strict=True)),
        "cov_beta": np.reshape(answer["cov_beta"], (len(names), len(names))).tolist(),
        "se_recipe": se_recipe,
        "variance_components": _components(answer["components"]),
        "nobs": int(answer["nobs"][0]),
        "ngroups": {name: int(n) for name, n in _by_name(answer["ngroups"]).items()},
    }
    if answer.get("scaled_residuals"):
        others["scaled_residuals"] = _by_name(answer["scaled_residuals"])
    if answer.get("beta_refined"):
        others["beta_refined"] = _by_name(answer["beta_refined"])
    if answer.get("sandwich"):
        others["recipes"] = {"wemix": _sandwich(answer["sandwich"], names)}
    if answer.get("optimizer"):
        others["optimizer"] = _optimizer(answer["optimizer"])
    return make_point(
        theta_names=answer["theta"]["names"],
        theta=answer["theta"]["values"],
        deviance=answer["deviance"][0],
        beta=_by_name(answer["beta"]),
        sigma=answer["sigma"][0],
        **others,
    )


def result_of(
    reply: RReply,
    problem: Problem,
    engine: str,
    labels: Sequence[str],
    se_recipe: str,
) -> FitResult:
    """Return the fit result of a reply from R, whatever its status."""
    timing = {"seconds": reply.seconds}
    if reply.status != "ok" or reply.value is None:
        failed = without_answer(problem, engine, reply.status, reply.message)
        return FitResult(failed.record, None, timing, reply.ended, reply.killed)
    value = reply.value
    if wrong := _not_finite(value, labels):
        said = (
            f"the numbers of an answer must be finite; R gave {len(wrong)} that are not "
            f"(first: {wrong[0]})"
        )
        return FitResult(without_answer(problem, engine, "failed", said).record, None, timing)
    record = new_record(
        problem, engine, versions={name: v[0] for name, v in value["versions"].items()}
    )
    record["optimum"] = point_of(value["optimum"], se_recipe)
    record["at"] = [
        {"label": label, **point_of(point, se_recipe)}
        for label, point in zip(labels, value["at"] or [], strict=True)
    ]
    record["messages"] = list(value.get("messages") or [])
    singular = value.get("singular")
    record["singular"] = bool(singular[0]) if singular else None
    converged = value.get("converged")
    record["converged"] = bool(converged[0]) if converged else None
    if value.get("blog_v"):
        record["v_three_ways"] = _three_ways(value["blog_v"])
    if not value.get("matrices"):
        return FitResult(record, None, timing)
    matrices = value["matrices"]
    record["matrix_shapes"] = {name: list(part["shape"]) for name, part in matrices.items()}
    return FitResult(record, matrices_table(matrices), timing)


#: What must be a number in each point; NaN elsewhere says that R gives none.
_NUMBERS = ("theta", "deviance", "beta", "sigma", "beta_refined")


def _not_finite(value: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """Name the numbers of an answer that are infinite, or NaN where there must be one."""
    places = [("", value["optimum"])]
    places += [(f"at {name}: ", at) for name, at in zip(labels, value["at"] or [], strict=True)]
    found = []
    for place, point in places:
        for name, part in point.items():
            values = part["values"] if isinstance(part, Mapping) and "values" in part else part
            for number in _floats(values):
                if math.isinf(number) or (math.isnan(number) and name in _NUMBERS):
                    found.append(f"{place}{name}, {number}")
    return found


def _floats(value: Any) -> Iterator[float]:  # noqa: ANN401
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _floats(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _floats(part)


def _three_ways(answer: Mapping[str, Any]) -> dict[str, Any]:
    terms = answer["terms"]
    return {
        "largest_entry": answer["largest_entry"][0],
        "max_difference": dict(zip(answer["ways"], answer["max_difference"], strict=True)),
        "gls_beta": {
            way: dict(zip(terms, beta, strict=True)) for way, beta in answer["gls_beta"].items()
        },
    }
