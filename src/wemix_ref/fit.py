"""mix(): fit the sampling-weighted linear mixed model. Orchestration only."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from wemix_ref.crossproducts import cross_products
from wemix_ref.design import Design, build_design
from wemix_ref.deviance import Criterion
from wemix_ref.errors import (
    ConvergenceWarning,
    FormulaError,
    ModelError,
    OptionError,
    SingularFitWarning,
    WemixRefError,
)
from wemix_ref.inference import check_recipe
from wemix_ref.optimise import minimise, minimise_all
from wemix_ref.results import FittedModel

__all__ = ["check_options", "criterion_of", "fit_design", "fit_designs", "mix", "try_designs"]


def criterion_of(design: Design, reml: bool = False) -> Criterion:
    """Build the criterion of a design: one pass over its data."""
    X, y, Zs, codes, omega = design.columns()
    data = cross_products(
        X,
        y,
        Zs,
        codes,
        [level.parent for level in design.levels],
        omega,
        [level.psi for level in design.levels],
        [level.psi_cond for level in design.levels],
    )
    return Criterion(data, design.covariance, reml)


def fit_design(design: Design, *, reml: bool = False, se: str | None = None) -> FittedModel:
    """Fit a design that was built and checked before; nothing is warned of.

    Parameters
    ----------
    design : what :func:`wemix_ref.design.build_design` gives.
    reml, se : as :func:`mix` has them.
    """
    criterion = criterion_of(design, reml)
    at, report = minimise(criterion)
    return FittedModel(design, criterion, at, report, _recipe(design, reml, se))


def fit_designs(
    designs: Sequence[Design], *, reml: bool = False, se: str | None = None
) -> list[FittedModel]:
    """Fit many designs, as :func:`fit_design` each; small ones of one shape take less time.

    Parameters
    ----------
    designs : of any number and shapes, such as the samples of a simulation study.
    reml, se : as :func:`mix` has them, for all.

    Raises
    ------
    ModelError
        Of the first design that has no answer.
    """
    out = []
    for fit in try_designs(designs, reml=reml, se=se):
        if isinstance(fit, Exception):
            raise fit
        out.append(fit)
    return out


def try_designs(
    designs: Sequence[Design], *, reml: bool = False, se: str | None = None
) -> list[FittedModel | WemixRefError | np.linalg.LinAlgError]:
    """As :func:`fit_designs`, with its error in place of a fit that has no answer.

    What a design gives does not depend, to the bit, on those beside it.
    """
    criteria = [criterion_of(design, reml) for design in designs]
    return [
        found
        if isinstance(found, Exception)
        else FittedModel(design, criterion, *found, _recipe(design, reml, se))
        for design, criterion, found in zip(designs, criteria, minimise_all(criteria), strict=True)
    ]


def _recipe(design: Design, reml: bool, se: str | None) -> str:
    return se if se is not None else ("wemix" if design.weighted and not reml else "model")


def mix(
    formula: str,
    data: pd.DataFrame,
    weights: Sequence[str | None] | None = None,
    *,
    conditional_weights: bool = False,
    scale: str | Sequence[str] = "none",
    use: Sequence[bool] | None = None,
    reml: bool = False,
    se: str | None = None,
    center_group: Mapping[str, str] | None = None,
    center_grand: str | None = None,
) -> FittedModel:
    """Fit a linear mixed model with sampling weights at every level.

    Multilevel pseudo maximum likelihood (Rabe-Hesketh and Skrondal 2006; Bailey 2018, eqs. 1, 2 and
    106); without weights, maximum likelihood or REML as lme4.

    Parameters
    ----------
    formula : lme4's syntax, such as ``"y ~ x + (1|school/class)"``; it means what R says it means.
    data : one row per level-1 unit: a pandas DataFrame, or a table of polars, pyarrow or another
        library that :func:`wemix_ref.frames.as_pandas` can read. Rows with missing values
        in used columns are left out, counted in ``n_dropped`` and warned about.
    weights : names of the weight columns, level 1 first, one per level of the model; None for an
        unweighted fit. A group's weight stands in each of its rows. None in the list: that level
        has conditional weight 1; without conditional_weights this needs None at all levels below.
    conditional_weights : False when every weight is unconditional, that is the inverse of the
        overall selection probability; True when each is conditional on the selection of the unit
        above.
    scale : scaling of the conditional weights, from level 1 up: "none"; "size" (sum: the number of
        members); "effective" (sum: their effective number); "gk" (1, the mean goes to the group);
        or a list, one for each step from a level to the next. See :mod:`wemix_ref.scaling`.
    use : whether each level's weights are used, level 1 first. Where not, its conditional weight is
        1, after those of all levels were derived from what is given, and before scaling.
    reml : REML criterion; unweighted fits only.
    se : recipe of the standard errors: "wemix" (sandwich by block, times K/(K-1)), "stata",
        "gllamm", "sas", "mplus" (as these packages print them, see inference.py) or "model"
        (inverse information). None takes "wemix" for a weighted fit and "model" for an unweighted
        one. Under REML only "model".
    center_group : grouping factor, by lme4's name, -> one-sided formula of columns that are centred
        within its groups, such as ``{"school": "~x+z"}``. Means are weighted by the unconditional
        level-1 weights, over the rows that are kept.
    center_grand : one-sided formula of columns that are centred over all rows, likewise.

    Returns
    -------
    FittedModel
        At the minimum of the deviance. ``singular`` tells of a variance at zero or a correlation of
        size one, after the curvature there was checked.

    Raises
    ------
    FormulaError, DataError, WeightsError, NestingError, RankError, ModelError, OptionError
        All are ValueErrors; the message says what must hold, what was found where, and what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> from wemix_ref import mix
    >>> data = pd.DataFrame(
    ...     {
    ...         "y": [3.1, 4.0, 2.9, 5.2, 5.9, 5.1, 1.2, 2.2, 0.8, 3.9, 4.1, 3.0],
    ...         "x": [0.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 0.0],
    ...         "school": list("aaabbbcccddd"),
    ...         "w1": [2.0, 4.0, 2.0, 3.0, 3.0, 6.0, 4.0, 8.0, 4.0, 5.0, 5.0, 5.0],
    ...         "w2": [2.0] * 3 + [3.0] * 3 + [4.0] * 3 + [5.0] * 3,
    ...     }
    ... )
    >>> fit = mix("y ~ x + (1|school)", data, weights=["w1", "w2"])
    >>> fit.converged
    True
    """
    check_options(
        formula,
        weights,
        conditional_weights=conditional_weights,
        scale=scale,
        use=use,
        reml=reml,
        se=se,
    )
    design = build_design(
        formula,
        data,
        weights,
        conditional_weights=conditional_weights,
        scale=scale,
        use=use,
        center_group=center_group,
        center_grand=center_grand,
    )
    fit = fit_design(design, reml=reml, se=se)
    if fit.singular:
        warnings.warn(
            "the fit is singular: a variance is zero or a correlation is one in size. "
            "See summary() for what that means for the standard errors.",
            SingularFitWarning,
            stacklevel=2,
        )
    report = fit.optimizer
    if not report.converged:
        warnings.warn(
            f"the optimiser did not converge: {report.message}; the largest gradient is "
            f"{report.gradient_norm:.3g}. Check the scale of the variables and the groups' sizes.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return fit


def check_options(
    formula: object,
    weights: object,
    *,
    conditional_weights: object = False,
    scale: object = "none",
    use: object = None,
    reml: object = False,
    se: object = None,
) -> None:
    """Refuse options that do not go together, before the data are looked at.

    Raises
    ------
    FormulaError, OptionError, ModelError
        What must hold, and what was found.
    """
    if not isinstance(formula, str):
        raise FormulaError(
            f"formula must be text such as 'y ~ x + (1|g)'; found {type(formula).__name__}."
        )
    for name, value in (("conditional_weights", conditional_weights), ("reml", reml)):
        if not isinstance(value, (bool, np.bool_)):
            raise OptionError(f"{name} must be True or False; found {value!r}.")
    if se is not None:
        check_recipe(se, False)
    if reml and weights is not None:
        raise ModelError(
            "REML is defined for unweighted fits only; found reml=True with weights "
            f"{weights!r}. Pass reml=False, or leave the weights out."
        )
    if reml and se is not None:
        check_recipe(se, True)
    if conditional_weights and weights is None:
        raise OptionError(
            "conditional_weights=True says how to read the weights, but none were given. "
            "Pass weights, or leave conditional_weights out."
        )
    if weights is not None:
        return
    for name, value in (("scale", None if scale == "none" else scale), ("use", use)):
        if value is not None:
            raise OptionError(
                f"{name}={value!r} says how to treat the weights, but none were given. "
                f"Pass weights, or leave {name} out."
            )
