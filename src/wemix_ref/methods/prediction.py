"""Random effects, prediction, simulation and shares of variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from wemix_ref.conditional_modes import conditional_variances
from wemix_ref.errors import OptionError
from wemix_ref.fitted import Array, Fitted
from wemix_ref.frames import as_pandas
from wemix_ref.new_rows import random_columns, random_variables
from wemix_ref.predict import fitted_rows, predict_rows
from wemix_ref.responses import draw_responses
from wemix_ref.variance_shares import intraclass, shares

__all__ = ["Prediction"]


class Prediction(Fitted):
    """Random effects, prediction, simulation and shares of variance."""

    # -- conditional modes ---------------------------------------------------------------------

    @cached_property
    def random_effects_cov(self) -> dict[str, Array]:
        """Covariance of each group's random effects given the data, by grouping factor.

        Arrays (G, q, q), variances on the data's scale, groups and coefficients ordered as in
        `random_effects`. beta, theta and sigma are taken as known, as in lme4's ``condVar``, whose
        values these are for an unweighted fit. With weights they are those of the data in which
        units are written out as often as their conditional weights say: a group stands for one of
        its copies, and nothing is divided by its own weight.
        """
        matrices = conditional_variances(self._criterion, self._at)
        return {
            level.name: matrix for level, matrix in zip(self.design.levels, matrices, strict=True)
        }

    @cached_property
    def random_effects_se(self) -> dict[str, pd.DataFrame]:
        """Standard errors of the conditional modes: roots of `random_effects_cov`'s diagonals.

        By grouping factor, groups by coefficients, as `random_effects`.
        """
        out = {}
        for name, modes in self.random_effects.items():
            variances = np.diagonal(self.random_effects_cov[name], axis1=1, axis2=2)
            out[name] = pd.DataFrame(
                np.sqrt(variances), index=modes.index, columns=modes.columns.copy()
            )
        return out

    # -- prediction ----------------------------------------------------------------------------

    def _random_levels(self, random: bool | Sequence[str]) -> tuple[str, ...]:
        """Names of the grouping factors whose effects are included."""
        names = tuple(self.ngroups)
        if isinstance(random, (bool, np.bool_)):
            return names if random else ()
        known = ", ".join(map(repr, names))
        if isinstance(random, str) or not isinstance(random, Sequence):
            raise OptionError(
                f"random must be True, False or a list of grouping factors ({known}); "
                f"found {random!r}."
            )
        unknown = [name for name in random if name not in names]
        if unknown:
            raise OptionError(
                f"random must list grouping factors of the model ({known}); found "
                f"{', '.join(map(repr, unknown))}."
            )
        return tuple(random)

    def predict(
        self,
        newdata: object | None = None,
        random: bool | Sequence[str] = True,
        *,
        allow_new_levels: bool = False,
    ) -> pd.Series:
        """Predict the response, on the scale of the formula's left-hand side, offset included.

        Parameters
        ----------
        newdata : rows to predict, with the columns that the formula's right-hand side uses; None
            for the rows of the fit. ``scale()``, ``poly()``, factor levels, contrasts and centring
            are those of the fit, so that a row of the fit gets its fitted value. The response and
            the weights are not needed. Any table that `mix` takes.
        random : True to include the conditional modes of all grouping factors, False for the
            fixed part alone, or the names of those to include.
        allow_new_levels : whether a group that the fit does not have is predicted with its random
            effects at zero; otherwise it is refused. In nested groups those above still count.

        Returns
        -------
        Series (N,) with newdata's index; NaN where a column that is needed is missing.

        Raises
        ------
        DataError
            A column is missing or of another type; a factor's level, or a group, that the fit does
            not have; a new group of a factor within which a column is centred, whatever
            `allow_new_levels`; an expression without a finite value.
        OptionError
            `random` names what is not a grouping factor.
        """
        levels = self._random_levels(random)
        if not isinstance(allow_new_levels, (bool, np.bool_)):
            raise OptionError(
                f"allow_new_levels must be True or False; found {allow_new_levels!r}."
            )
        beta = self.params.to_numpy()
        if newdata is None:
            values = fitted_rows(self.design, beta, self._modes, levels)
            return pd.Series(values, index=self.design.index, name="prediction")
        rows = as_pandas(newdata)
        values = predict_rows(
            self.design,
            beta,
            self._modes,
            rows,
            levels,
            allow_new_levels=bool(allow_new_levels),
        )
        return pd.Series(values, index=rows.index, name="prediction")

    def residuals(self, level: int | str | None = None) -> pd.Series:
        """Response minus the prediction from the levels above one level.

        Parameters
        ----------
        level : None or 1, the conditional residuals (`resid`): all random effects are taken off.
            The number of a level of groups (2 the lowest), or the name of its grouping factor:
            only those of the levels above it are, so that its own effects and those below remain.
            At the top level that is the response minus the fixed part.

        Returns
        -------
        Series (n,) in the data's row order and index.

        Raises
        ------
        OptionError
            There is no such level.
        """
        numbers = {group.name: group.number for group in self.design.levels}
        number = 1 if level is None else numbers.get(level) if isinstance(level, str) else level
        top = len(numbers) + 1
        if (
            number is None
            or isinstance(number, (bool, np.bool_))
            or not isinstance(number, (int, np.integer))
            or not 1 <= number <= top
        ):
            raise OptionError(
                f"level must be None, a number from 1 to {top}, or one of "
                f"{', '.join(map(repr, numbers))}; found {level!r}."
            )
        above = [name for name, own in numbers.items() if own > number]
        values = self.design.y + self.design.offset - self.predict(random=above)
        return values.rename("resid")

    # -- simulation ----------------------------------------------------------------------------

    def simulate(self, n: int = 1, seed: int | np.random.Generator | None = None) -> pd.DataFrame:
        """Draw responses from the fitted model.

        y = X beta + offset + Z u + e with u ~ N(0, G), e ~ N(0, sigma^2 I): new random effects in
        every draw, covariance ``V("marginal")``. It is the law of the data without the sampling
        weights; those say how the data were selected, not how they came about.

        Parameters
        ----------
        n : number of draws.
        seed : a whole number, or a NumPy generator, which moves on; the same number gives the same
            draws, and more of them begin with those.

        Returns
        -------
        DataFrame (n_obs, n), columns sim_1 ..., on the scale of the formula's left-hand side.

        Raises
        ------
        OptionError
            `n` is not a positive whole number, or `seed` is none of the above.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise OptionError(f"n must be a positive whole number; found {n!r}.")
        if seed is not None and not isinstance(seed, np.random.Generator):
            whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
            if not whole or seed < 0:
                raise OptionError(
                    "seed must be a whole number from 0, a NumPy generator or None; found "
                    f"{seed!r}."
                )
        draws = draw_responses(
            self.design,
            self.params.to_numpy(),
            self._at.theta,
            self.sigma,
            int(n),
            np.random.default_rng(seed),
        )
        names = [f"sim_{i + 1}" for i in range(int(n))]
        return pd.DataFrame(draws, index=self.design.index, columns=names)

    def refit(self, responses: ArrayLike | pd.Series | pd.DataFrame) -> Any:  # noqa: ANN401
        """Fit the same model, on the same rows and weights, to other responses.

        For a parametric bootstrap: ``fit.refit(fit.simulate(1000, seed=1))``. Fits of many
        responses are started together, which takes a fraction of the time; none depends on those
        beside it.

        Parameters
        ----------
        responses : (n_obs,) for one fit, or (n_obs, R) such as `simulate` gives; on the scale of
            the formula's left-hand side, rows as in `resid`.

        Returns
        -------
        FittedModel, or a list of R of them, with this fit's criterion and recipe.

        Raises
        ------
        DataError
            Another number of rows, another index, or a value that is not finite.
        ModelError
            A response that the model fits exactly; its place, from 0, stands before the message.
        """
        from wemix_ref.many import refitted  # which makes fits of this class

        return refitted(self.design, responses, self.reml, self.se_recipe)

    # -- shares of variance --------------------------------------------------------------------

    @property
    def _Sigmas(self) -> list[Array]:
        return self._criterion.covariance.Sigmas(self._at.theta, self.sigma)

    def icc(self, at: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Split the variance of a response at given covariates over the levels.

        Level l contributes var_l = z' Sigma_l z, where z is the row of Z at these covariates
        (Goldstein, Browne & Rasbash 2002). Random slopes and their covariances count through z:
        with (x|g) var_g = S_00 + 2 x S_01 + x^2 S_11, and not the sum of the variances.

        Parameters
        ----------
        at : value of each data column that the random effects' coefficients use; not needed where
            all of them are intercepts. A column that the fit centred is given centred.

        Returns
        -------
        DataFrame with a row per grouping factor, lowest level first, and one for the residual:
        variance (var_l, sigma^2), share (of the sum), icc (for a level of groups, the correlation
        of two responses in the same group, both at these covariates: the shares of this level and
        all above it).

        Raises
        ------
        OptionError
            A value is missing, or belongs to a column that the formula does not use.
        DataError
            A value of the wrong type, or a level that the fit does not have.
        """
        given = {} if at is None else at
        needed = random_variables(self.design)
        if not isinstance(given, Mapping):
            raise OptionError(f"at must map columns to values, such as {{'x': 0.0}}; found {at!r}.")
        several = [name for name, value in given.items() if not pd.api.types.is_scalar(value)]
        if several:
            raise OptionError(
                f"`at` must give one value a column; {several[0]!r} has {given[several[0]]!r}."
            )
        lacking = [name for name in needed if name not in given or pd.isna(given[name])]
        if lacking:
            raise OptionError(
                f"with random slopes the variance depends on the covariates: `at` must give a "
                f"value of {', '.join(map(repr, lacking))}, such as at={{{lacking[0]!r}: 0.0}}."
            )
        used = self.design.formula.variables()
        unknown = [name for name in given if name not in used]
        if unknown:
            raise OptionError(
                f"`at` may name columns that the formula uses ({', '.join(map(repr, used))}); "
                f"found {', '.join(map(repr, unknown))}."
            )
        row = pd.DataFrame({"": [0], **{name: [given[name]] for name in needed}})
        z = (
            [columns[0] for columns in random_columns(self.design, row)]
            if needed
            else [level.Z[0] for level in self.design.levels]
        )
        parts = intraclass(z, self._Sigmas, self.sigma**2)
        share = parts / parts.sum()
        same_group = np.append(np.cumsum(share[:-1][::-1])[::-1], np.nan)
        names = [*self.ngroups, "Residual"]
        return pd.DataFrame({"variance": parts, "share": share, "icc": same_group}, index=names)

    def r2(self) -> pd.Series:
        """R2 of the fixed effects (marginal) and of fixed and random effects (conditional).

        With f = X beta, mean and variance over the rows weighted by the unconditional level-1
        weights omega and divided by their sum,

            var_f = mean of (f - mean f)^2,     var_l = mean of z_l' Sigma_l z_l,
            marginal = var_f / (var_f + sum_l var_l + sigma^2),
            conditional = (var_f + sum_l var_l) / (the same):

        Nakagawa & Schielzeth (2013), with Johnson's (2014) mean for random slopes. An offset is
        no part of it. (R's MuMIn divides var_f by n - 1, this by the sum of the weights.)
        """
        parts = shares(self.design, self.params.to_numpy(), self._Sigmas, self.sigma**2)
        return pd.Series({"marginal": parts.marginal, "conditional": parts.conditional}, name="r2")
