"""Standard errors by recipe, scores, and tests."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wemix_ref.contrasts_text import parse_hypotheses
from wemix_ref.errors import BoundaryWarning, ModelError, OptionError
from wemix_ref.fitted import Fitted
from wemix_ref.inference import RECIPES, check_recipe
from wemix_ref.information import JointInformation
from wemix_ref.likelihood_ratio import LikelihoodRatioTest, likelihood_ratio
from wemix_ref.wald import WaldTest, wald

__all__ = ["Testing"]

Array = NDArray[np.float64]
Hypotheses = str | ArrayLike | Sequence[str] | Mapping[str, float]


class Testing(Fitted):
    """Standard errors by recipe, scores, and tests."""

    def with_se(self, recipe: str) -> Self:
        """The same fit with the standard errors of another recipe; nothing is fitted again.

        Parameters
        ----------
        recipe : "wemix", "stata", "gllamm", "sas", "mplus" or "model".
        """
        check_recipe(recipe, self.reml)
        return type(self)(self.design, self._criterion, self._at, self.optimizer, recipe)

    def se_by_recipe(self) -> pd.DataFrame:
        """Standard errors of fixed effects and variance components by every recipe.

        Returns
        -------
        DataFrame indexed by ("beta", name) and ("vcov", name), with the column ``estimate`` and
        one per recipe: under REML only "model".
        """
        names = [part.name for part in self._components]
        index = pd.MultiIndex.from_tuples(
            [("beta", name) for name in self.params.index] + [("vcov", name) for name in names],
            names=["kind", "name"],
        )
        columns = {"estimate": [*self.params.to_numpy(), *(part.vcov for part in self._components)]}
        for recipe in ("model",) if self.reml else RECIPES:
            other = self if recipe == self.se_recipe else self.with_se(recipe)
            columns[recipe] = [*other.bse.to_numpy(), *other._inference.se_components]
        return pd.DataFrame(columns, index=index)

    # -- scores --------------------------------------------------------------------------------

    def _information(self) -> JointInformation:
        """Over the user's parameters."""
        if self.reml:
            raise ModelError(
                "scores and group log-likelihoods are those of a likelihood; this is a REML fit. "
                "Fit with reml=False."
            )
        return JointInformation.at(self._criterion, self._boundary_at)

    def scores(self) -> pd.DataFrame:
        """Derivatives of each top group's log pseudo-likelihood, (K, p + n_theta + 1).

        Rows by top group, columns the fixed effects, theta and sigma. At the optimum every column
        sums to zero.
        """
        return pd.DataFrame(
            self._information().scores,
            index=self.design.levels[-1].labels,
            columns=self._parameter_names,
        )

    def group_llf(self) -> pd.Series:
        """Log pseudo-likelihood of each top group; their sum is `llf` (eq. 112)."""
        return pd.Series(
            self._information().log_likelihoods,
            index=self.design.levels[-1].labels,
            name="group_llf",
        )

    # -- tests ---------------------------------------------------------------------------------

    def wald_test(
        self,
        R: Hypotheses,
        r: ArrayLike = 0.0,
        *,
        on: str = "beta",
        df: str | float | None = None,
    ) -> WaldTest:
        """Wald test of linear hypotheses by the fit's recipe.

        Parameters
        ----------
        R : hypotheses as text, ``"x = 0, z - 2*x = 1"``; or names, each compared with r; or a
            mapping of name to value; or a (q, k) matrix over the parameters in order.
        r : (q,) right-hand sides, with names or a matrix.
        on : "beta", the fixed effects, or "components": variances and covariances of the random
            effects on the scale of the data, named ``g.x`` (variance), ``g.x.z`` (covariance) and
            ``Residual``, with their own covariance.
        df : None for chi-squared; "groups" for F with K - 1 denominator degrees of freedom, K top
            groups; or a number.

        Raises
        ------
        OptionError
            Hypotheses that cannot be read or tested.
        ModelError
            Components of several levels under "wemix", which has no covariance between levels;
            components under REML.
        """
        if on not in ("beta", "components"):
            raise OptionError(f'on must be "beta" or "components"; found {on!r}.')
        denominator = self._denominator(df)
        if on == "beta":
            names = tuple(str(name) for name in self.params.index)
            matrix, right = _hypotheses(R, r, names)
            V = self._inference.cov_beta
            return wald(
                self.params.to_numpy(), V, matrix, right, names, self.se_recipe, denominator
            )
        names = tuple(part.name for part in self._components)
        matrix, right = _hypotheses(R, r, names)
        values = np.array([part.vcov for part in self._components])
        V = self._cov_components(matrix)
        self._warn_at_boundary(matrix, right, names)
        return wald(values, V, matrix, right, names, self.se_recipe, denominator)

    def _denominator(self, df: str | float | None) -> float | None:
        if df is None:
            return None
        if df == "groups":
            return float(self.design.levels[-1].n_groups - 1)
        number = isinstance(df, (int, float, np.integer, np.floating)) and not isinstance(df, bool)
        if number and 0 < float(df) < np.inf:
            return float(df)
        raise OptionError(f'df must be None, "groups" or a positive number; found {df!r}.')

    def _cov_components(self, R: Array) -> Array:
        """Covariance of the components that R uses; NaN for those without a standard error."""
        if self.reml:
            raise ModelError(
                "under REML variance components have no covariance here, so they cannot be tested. "
                "Fit with reml=False."
            )
        used = np.flatnonzero(np.any(R != 0, axis=0))
        parts = self._boundary_components
        levels = {max(parts[i].level, 2) for i in used}
        if self.se_recipe == "wemix" and len(levels) > 1:
            groups = ", ".join(dict.fromkeys(repr(parts[i].group) for i in used))
            raise ModelError(
                f'under se="wemix" covariances between levels are not defined, so components of '
                f"one level can be tested together; found {groups} (the residual's belongs to "
                'level 2). Use with_se("stata"), "gllamm", "sas", "mplus" or "model".'
            )
        V = np.zeros((len(parts), len(parts)))
        gradients = np.array([parts[i].gradient for i in used])
        V[np.ix_(used, used)] = self._inference.cov_of(gradients, min(levels))
        for i in used:
            if self._inference.reasons[i] is not None:
                V[i, :] = V[:, i] = np.nan
        return V

    def _warn_at_boundary(self, R: Array, r: Array, names: Sequence[str]) -> None:
        for row, value in zip(R, r, strict=True):
            used = np.flatnonzero(row).tolist()
            variances = all(self._components[i].var2 is None for i in used)
            one_sign = bool(np.all(row[used] > 0) or np.all(row[used] < 0))
            if variances and one_sign and value * np.sign(row[used[0]]) <= 0:
                warnings.warn(
                    f"the hypothesis on {', '.join(repr(names[i]) for i in used)} lies on or "
                    "beyond the boundary of what variances can be; there the statistic does not "
                    "follow its chi-squared distribution, and the p value is only a guide.",
                    BoundaryWarning,
                    stacklevel=3,
                )
        theta, covariance = self._boundary_at.theta, self._criterion.covariance
        singular = {
            level.name
            for level in covariance.levels
            for block in level.blocks
            if block.zero_diagonal(theta).any()
        }
        touched = [
            names[i]
            for i in np.flatnonzero(np.any(R != 0, axis=0)).tolist()
            if self._components[i].group in singular
        ]
        if touched:
            warnings.warn(
                f"the estimate of {', '.join(map(repr, touched))} lies on the boundary (a variance "
                "of zero, or a correlation of one in size); the test takes the boundary as given, "
                "and its p value is only a guide.",
                BoundaryWarning,
                stacklevel=3,
            )

    def likelihood_ratio_test(self, other: Fitted) -> LikelihoodRatioTest:
        """Likelihood-ratio test against a nested model; unweighted fits only.

        Raises
        ------
        ModelError
            Weighted fits, models of other data, or models that are not nested.
        """
        return likelihood_ratio(self, other)


def _hypotheses(R: Hypotheses, r: ArrayLike, names: tuple[str, ...]) -> tuple[Array, Array]:
    """Matrix and right-hand sides of hypotheses in any of their forms."""
    if isinstance(R, str):
        matrix, right = parse_hypotheses(R, names)
        if np.any(np.asarray(r) != 0):
            raise OptionError(
                f"hypotheses given as text hold their right-hand sides; found r = {r!r} as well."
            )
        return matrix, right
    if isinstance(R, Mapping):
        return _by_name(list(R), names), np.array([float(value) for value in R.values()])
    if isinstance(R, (list, tuple)) and R and all(isinstance(name, str) for name in R):
        matrix = _by_name([str(name) for name in R], names)
    else:
        try:
            matrix = np.atleast_2d(np.asarray(R, dtype=float))
        except (TypeError, ValueError):
            raise OptionError(
                "R must be text, names, a mapping of name to value, or a matrix of numbers; "
                f"found {R!r}."
            ) from None
    right = np.asarray(r, dtype=float)
    return matrix, np.full(matrix.shape[0], right) if right.ndim == 0 else right


def _by_name(wanted: Sequence[str], names: tuple[str, ...]) -> Array:
    matrix = np.zeros((len(wanted), len(names)))
    for row, name in enumerate(wanted):
        if name not in names:
            raise OptionError(
                f"a hypothesis must name one of {', '.join(map(repr, names))}; found {name!r}."
            )
        matrix[row, names.index(name)] = 1.0
    return matrix
