"""Analyses: which model is fitted to a sample, with which weights, and whose standard errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wemix_ref.design import Design, build_design
from wemix_ref.engines.protocol import Problem
from wemix_ref.errors import StudyError
from wemix_ref.formula import parse_formula
from wemix_ref.inference import RECIPES
from wemix_ref.scaling import METHODS, check_scale, products, scale_conditional

__all__ = [
    "Analysis",
    "FitKey",
    "analyses_of",
    "design_of",
    "level_names",
    "problem_of",
    "sample_design",
    "usual_recipe",
    "with_precision_weights",
]

Array = NDArray[np.float64]

#: Uses of the weights that are no list of levels.
USES = ("none", "all", "level-1", "top", "total", "total-only", "precision")


@dataclass(frozen=True)
class FitKey:
    """What a fit depends on; analyses that differ in the standard errors alone share it.

    Attributes
    ----------
    engine : who fits.
    model : lme4's syntax.
    weights : a use of the weights, or the names of the levels whose weights are used.
    scale : scaling of the conditional weights.
    reml : REML in place of ML.
    """

    engine: str
    model: str
    weights: str | tuple[str, ...]
    scale: str
    reml: bool


@dataclass(frozen=True)
class Analysis:
    """One analysis of a study.

    Attributes
    ----------
    name, label : its name, and what a figure calls it.
    fit : what is fitted.
    se : recipe of the standard errors.
    residual_variance : "model", or "ml": r^2/n also under REML.
    """

    name: str
    label: str
    fit: FitKey
    se: str
    residual_variance: str


def analyses_of(
    content: Mapping[str, Any], model: str, level_names: Sequence[str]
) -> tuple[Analysis, ...]:
    """Read the analyses of a study.

    Parameters
    ----------
    content : names to options, as the study's file has them.
    model : the model of those that have none of their own.
    level_names : the population's levels, top first.

    Raises
    ------
    StudyError
        If options do not go together, or two analyses get one name.
    """
    out: list[Analysis] = []
    for name, options in content.items():
        scales, recipes = options.get("scale", "none"), options.get("se")
        for scale in scales if isinstance(scales, list) else [scales]:
            for recipe in recipes if isinstance(recipes, list) else [recipes]:
                # a list makes one analysis of each of its values, named after it
                tags = [
                    tag
                    for given, tag in ((scales, scale), (recipes, recipe))
                    if isinstance(given, list)
                ]
                out.append(_analysis(name, tags, options, scale, recipe, model, level_names))
    names = [analysis.name for analysis in out]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise StudyError(
            f"every analysis must have a name of its own; {doubled[0]!r} is there twice. Rename it."
        )
    return tuple(out)


def _analysis(
    name: str,
    tags: Sequence[str],
    options: Mapping[str, Any],
    scale: str,
    recipe: str | None,
    model: str,
    levels: Sequence[str],
) -> Analysis:
    weights = options.get("weights", "none")
    if isinstance(weights, list):
        unknown = [level for level in weights if level not in levels]
        if unknown:
            raise StudyError(
                f"analysis {name!r}: a list of weights must name levels of the population "
                f"({', '.join(levels)}); found {unknown[0]!r}."
            )
        weights = tuple(weights)
    elif weights not in USES:
        raise StudyError(
            f"analysis {name!r}: weights must be one of {', '.join(USES)} or a list of levels; "
            f"found {weights!r}."
        )
    key = FitKey(
        engine=options.get("engine", "python"),
        model=options.get("model", model),
        weights=weights,
        scale=scale,
        reml=options.get("reml", False),
    )
    recipe = recipe or usual_recipe(options)
    _check(name, key, recipe)
    label = options.get("label", name.replace("-", " "))
    return Analysis(
        name="-".join([name, *tags]),
        label=", ".join([label, *tags]),
        fit=key,
        se=recipe,
        residual_variance=options.get("residual_variance", "model"),
    )


def usual_recipe(options: Mapping[str, Any]) -> str:
    """Return the recipe of the standard errors of an analysis that states none."""
    # lme4 knows the model's own standard errors alone
    plain = options.get("weights", "none") in ("none", "precision")
    return "model" if plain or options.get("engine") in ("lme4", "lme4-weighted") else "wemix"


def _check(name: str, key: FitKey, recipe: str) -> None:
    # values that came by $name were not seen by the schema
    for what, value, known in (
        ("scale", key.scale, METHODS),
        ("se", recipe, RECIPES),
        ("reml", key.reml, (True, False)),
        ("engine", key.engine, ("python", "lme4", "lme4-weighted", "wemix")),
    ):
        if value not in known:
            raise StudyError(
                f"analysis {name!r}: {what} must be one of {', '.join(map(str, known))}; found "
                f"{value!r}."
            )
    unweighted = key.weights in ("none", "precision")
    refusals = (
        (
            key.reml and not unweighted,
            "REML is defined for unweighted fits only; leave reml out, or give weights: none",
        ),
        (key.reml and recipe != "model", 'under REML only the recipe "model" is defined'),
        (
            key.scale != "none" and unweighted,
            "there are no sampling weights to scale; leave scale out",
        ),
        (
            key.weights == "precision" and recipe != "model",
            'precision weights make another model, whose standard errors are "model"',
        ),
        (
            key.engine == "lme4" and not unweighted,
            "lme4 takes no sampling weights; its engine is for weights none or precision",
        ),
        (
            key.engine in ("lme4-weighted", "wemix") and unweighted,
            f"the engine {key.engine} is for sampling weights; use lme4 without them",
        ),
        (
            key.engine in ("lme4", "lme4-weighted") and recipe != "model",
            'lme4 has the recipe "model" alone',
        ),
        (key.engine == "wemix" and recipe != "wemix", 'WeMix has the recipe "wemix" alone'),
    )
    for refused, why in refusals:
        if refused:
            raise StudyError(f"analysis {name!r}: {why}.")


def level_names(design: Design, hierarchy_names: Sequence[str]) -> tuple[str, ...]:
    """Return the population's level that each level of groups of a model is, lowest first.

    Raises
    ------
    StudyError
        If a grouping factor is no level of the population.
    """
    out = []
    for level in design.levels:
        parts = level.name.split(":")
        unknown = [part for part in parts if part not in hierarchy_names[:-1]]
        if unknown:
            raise StudyError(
                f"a weighted model's grouping factors must be levels of the population above "
                f"level 1 ({', '.join(hierarchy_names[:-1])}); found `{level.name}` in "
                f"{design.formula.text!r}."
            )
        # ids are unique over the population, so an interaction is its lowest part
        out.append(max(parts, key=list(hierarchy_names).index))
    return tuple(out)


def sample_design(
    design: Design, key: FitKey, names: Sequence[str], weights: Mapping[str, Array]
) -> Design:
    """Give an unweighted design the weights that an analysis uses.

    A level whose weights are not used has conditional weight 1 there.

    Parameters
    ----------
    design : the model on the sample, without weights.
    key : the analysis.
    names : the population's levels, top first.
    weights : by level name, (n,) unconditional weights on the sample's rows.
    """
    if key.weights == "none":
        return design
    if key.weights == "precision":
        return with_precision_weights(design, weights[names[-1]])
    groups = level_names(design, names)
    on_rows = [weights[names[-1]], *(weights[group] for group in groups)]
    firsts = [
        np.unique(level.codes, return_index=True)[1] for level in design.levels
    ]  # a row of each group
    own = [on_rows[0], *(w[first] for w, first in zip(on_rows[1:], firsts, strict=True))]
    parents = [
        design.levels[0].codes,
        *(level.parent for level in design.levels[:-1] if level.parent is not None),
    ]
    cond = [
        mine / above[parent] for mine, above, parent in zip(own, own[1:], parents, strict=False)
    ]
    cond.append(own[-1])
    cond = _used(cond, own, key.weights, (names[-1], *groups))
    cond = scale_conditional(cond, parents, check_scale(key.scale, len(parents)))
    uncond = products(cond, parents)
    levels = tuple(
        replace(level, psi=psi, psi_cond=psi_cond)
        for level, psi, psi_cond in zip(design.levels, uncond[1:], cond[1:], strict=True)
    )
    return replace(
        design,
        omega=uncond[0],
        levels=levels,
        weight_names=tuple(f"w{number}" for number in range(1, len(cond) + 1)),
        weights_used=(True,) * len(cond),
        scaling=("none",) * len(parents),
    )


def _used(
    cond: list[Array], own: list[Array], weights: str | tuple[str, ...], names: Sequence[str]
) -> list[Array]:
    if weights == "all":
        return cond
    if weights in ("total", "total-only"):
        above = cond[1:] if weights == "total" else [np.ones_like(w) for w in cond[1:]]
        return [own[0], *above]
    if weights == "level-1":
        used = [True] + [False] * (len(cond) - 1)
    elif weights == "top":
        used = [False] * (len(cond) - 1) + [True]
    else:
        missing = [name for name in weights if name not in names]
        if missing:
            raise StudyError(
                f"weights of a level can be used where the model has that level "
                f"({', '.join(names)}); found {missing[0]!r}."
            )
        used = [name in weights for name in names]
    return [w if use else np.ones_like(w) for w, use in zip(cond, used, strict=True)]


def with_precision_weights(design: Design, w: Array) -> Design:
    """Turn a model with residual variance sigma^2 / w, lme4's own weights, into one without.

    The deviance of y itself is that of the design returned less the sum of log w.

    Parameters
    ----------
    design : the model on the sample, unweighted.
    w : (n,) precision weights of the design's rows, positive.

    Returns
    -------
    Design
        Its rows of y, X and Z are multiplied by sqrt(w).
    """
    root = np.sqrt(w)
    levels = tuple(replace(level, Z=level.Z * root[:, None]) for level in design.levels)
    return replace(design, y=design.y * root, X=design.X * root[:, None], levels=levels)


def design_of(
    key: FitKey,
    frame: pd.DataFrame,
    names: Sequence[str],
    weights: Mapping[str, Array],
    designs: dict[str, Design],
) -> Design:
    """Give the design of one analysis of a sample, as our estimator takes it.

    Parameters
    ----------
    key : the analysis.
    frame : the sample, a row each level-1 unit.
    names : the population's levels, top first.
    weights : by level name, (n,) unconditional weights.
    designs : designs of this sample made so far, by model; added to.
    """
    if key.model not in designs:
        designs[key.model] = build_design(key.model, frame)
    return sample_design(designs[key.model], key, names, weights)


def problem_of(
    key: FitKey,
    frame: pd.DataFrame,
    names: Sequence[str],
    weights: Mapping[str, Array],
    *,
    case: str,
) -> Problem:
    """Return the same fit as every engine takes it: final unconditional weights as columns.

    Parameters
    ----------
    key, frame, names, weights : as for :func:`design_of`.
    case : a name for messages.
    """
    used = list(parse_formula(key.model).variables())
    data = frame[used].copy()
    for level in names[:-1]:
        # WeMix orders some ids as text and others as numbers (docs/divergences.md,
        # slash-numeric-ids); of text with leading zeros both orders are one
        if level in data:
            data[level] = data[level].astype(str).str.zfill(9)
    columns: list[str] | None = None
    precision = None
    if key.weights == "precision":
        precision = _free("w1", used)
        data[precision] = weights[names[-1]]
    elif key.weights != "none":
        design = sample_design(build_design(key.model, frame), key, names, weights)
        values = [design.omega, *(level.psi[level.codes] for level in design.levels)]
        columns = [_free(f"w{number}", used) for number in range(1, len(values) + 1)]
        for column, value in zip(columns, values, strict=True):
            data[column] = value
    return Problem(
        case=case,
        formula=key.model,
        data=data,
        weights=columns,
        conditional_weights=False,
        reml=key.reml,
        center_group=None,
        center_grand=None,
        data_sha256="",
        precision_weights=precision,
    )


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += "_"
    return name
