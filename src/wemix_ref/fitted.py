"""What every fitted model has: the point, its estimates and standard errors, its matrices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wemix_ref import marginal
from wemix_ref.components import Component, components
from wemix_ref.conditional_modes import spherical_modes
from wemix_ref.covariance import SINGULAR_TOLERANCE
from wemix_ref.design import Design
from wemix_ref.deviance import Criterion, Evaluation
from wemix_ref.errors import ModelError, OptionError
from wemix_ref.given_theta import beyond_reach, check_size, theta_values
from wemix_ref.inference import Inference, check_recipe, infer
from wemix_ref.lazily import Lazy
from wemix_ref.optimise import OptimizerReport, report_at

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = Lazy("scipy.sparse")

__all__ = ["Fitted"]

Array = NDArray[np.float64]


class Fitted:
    """A linear mixed model at one theta, made by :func:`wemix_ref.mix` or :meth:`at`.

    Everything is computed from the design and theta when first asked for.

    Attributes
    ----------
    design : the model's arrays, rows kept, in the data's order.
    se_recipe : recipe of the standard errors, "wemix" or "model".
    optimizer : what the optimiser did: method, evaluations, gradient norm.
    """

    def __init__(
        self,
        design: Design,
        criterion: Criterion,
        evaluation: Evaluation,
        optimizer: OptimizerReport,
        se_recipe: str,
    ) -> None:
        self.design = design
        self.se_recipe = se_recipe
        self.optimizer = optimizer
        self._criterion = criterion
        self._at = evaluation

    # -- what was fitted -----------------------------------------------------------------------

    @property
    def formula(self) -> str:
        """The formula as given."""
        return self.design.formula.text

    @property
    def reml(self) -> bool:
        """Whether the criterion is REML."""
        return self._criterion.reml

    @property
    def weighted(self) -> bool:
        """Whether sampling weights were given."""
        return self.design.weighted

    @property
    def nobs(self) -> int:
        """Rows used."""
        return self.design.n

    @property
    def n_dropped(self) -> int:
        """Rows left out for missing values in used columns."""
        return self.design.n_dropped

    @property
    def ngroups(self) -> dict[str, int]:
        """Number of groups by lme4's name of the grouping factor, lowest level first."""
        return {level.name: level.n_groups for level in self.design.levels}

    @property
    def X(self) -> sp.csr_array:
        """Fixed-effects matrix, sparse (n, p); its columns are ``params.index``."""
        return sp.csr_array(self.design.X)

    # -- estimates -----------------------------------------------------------------------------

    @cached_property
    def params(self) -> pd.Series:
        """Fixed effects beta by R's coefficient names, shape (p,)."""
        names = list(self.design.x_names)
        return pd.Series(self._beta, index=names, name="params", dtype=float, copy=True)

    @cached_property
    def _beta(self) -> Array:
        return self._criterion.data.coordinates.beta(self._at.profile.b)

    @cached_property
    def theta(self) -> pd.Series:
        """Relative standard deviations, named and ordered as lme4's getME, lowest level first."""
        return pd.Series(
            self._at.theta.copy(), index=list(self.design.covariance.names), name="theta"
        )

    @cached_property
    def sigma(self) -> float:
        """Residual standard deviation."""
        return float(np.sqrt(self._at.profile.sigma2))

    @property
    def deviance(self) -> float:
        """-2 llf; under REML the REML criterion (eq. 106)."""
        return self._at.deviance

    @property
    def llf(self) -> float:
        """Log pseudo-likelihood; under REML minus half the REML criterion."""
        return -0.5 * self._at.deviance

    @property
    def converged(self) -> bool:
        """Whether one more Newton step promises less than 1e-11 of the deviance."""
        return self.optimizer.converged

    @property
    def singular(self) -> bool:
        """Whether a diagonal element of Lambda, on the scale of its column of Z, is below 1e-4."""
        return bool(self._criterion.covariance.zero_columns(self._at.theta).any())

    # -- standard errors -----------------------------------------------------------------------

    @cached_property
    def _boundary_at(self) -> Evaluation:
        """The evaluation with zero columns of Lambda made whole, for derivatives there."""
        covariance = self._criterion.covariance
        theta = covariance.normalise(self._at.theta, SINGULAR_TOLERANCE)
        theta = np.where(covariance.zero_columns(theta), 0.0, theta)
        if np.array_equal(theta, self._at.theta):
            return self._at
        return self._criterion.evaluate(theta)

    @cached_property
    def _components(self) -> list[Component]:
        return components(self._criterion.covariance, self._at.theta, self.sigma)

    @cached_property
    def _boundary_components(self) -> list[Component]:
        """Components whose gradients are those of the point that derivatives are taken at."""
        at = self._boundary_at
        if at is self._at:
            return self._components
        sigma = float(np.sqrt(at.profile.sigma2))
        return components(self._criterion.covariance, at.theta, sigma)

    @cached_property
    def _inference(self) -> Inference:
        return infer(self._criterion, self._boundary_at, self._boundary_components, self.se_recipe)

    @property
    def _parameter_names(self) -> list[str]:
        """Names of (beta, theta, sigma)."""
        return [*self.design.x_names, *self.design.covariance.names, "sigma"]

    @cached_property
    def bse(self) -> pd.Series:
        """Standard errors of the fixed effects by the fit's recipe, shape (p,)."""
        return pd.Series(self._se_beta, index=list(self.design.x_names), name="bse")

    @property
    def _se_beta(self) -> Array:
        return np.asarray(np.sqrt(self._inference.cov_beta.diagonal()))

    def estimates(
        self,
    ) -> tuple[list[tuple[str, float, float]], list[tuple[Component, float]]]:
        """Fixed effects as (name, estimate, standard error), and components with theirs.

        The numbers of `params`, `bse` and `variance_components` without the cost of a table: for
        loops over many fits.
        """
        beta, se = self._beta.tolist(), self._se_beta.tolist()
        return (
            list(zip(self.design.x_names, beta, se, strict=True)),
            list(zip(self._components, self._inference.se_components, strict=True)),
        )

    def cov_params(self, which: str = "beta") -> pd.DataFrame:
        """Covariance of the estimates by the fit's recipe.

        Parameters
        ----------
        which : "beta", the fixed effects, (p, p); or "all", over beta, theta and sigma, with NaN
            for what is on the boundary or not identified. Under "wemix" it is block-diagonal, with
            sigma in the block of the lowest level; under "wemix", "stata" and "model" the blocks
            between beta and the rest, of which these recipes say nothing, are zero.
        """
        if which == "beta":
            names = list(self.design.x_names)
            return pd.DataFrame(self._inference.cov_beta.copy(), index=names, columns=names)
        if which != "all":
            raise OptionError(f'which must be "beta" or "all"; found {which!r}.')
        if self._inference.cov_all is None:
            raise ModelError(
                "under REML only the fixed effects have a covariance here. Fit with reml=False, or "
                'pass which="beta".'
            )
        names = self._parameter_names
        return pd.DataFrame(self._inference.cov_all.copy(), index=names, columns=names)

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over standard errors, shape (p,)."""
        return (self.params / self.bse).rename("tvalues")

    @cached_property
    def variance_components(self) -> pd.DataFrame:
        """Variances and covariances of the random effects, and the residual variance.

        Columns group, var1, var2, level, vcov (variance or covariance), sdcor (standard deviation
        or correlation), se (standard error of vcov; NaN where `se_reasons` says why). Lowest level
        first, residual last; within a term its variances, then its covariances.
        """
        parts = self._components
        rows = pd.RangeIndex(len(parts))
        columns: dict[str, object] = {  # of objects, in which None stays None
            name: pd.Series([getattr(one, name) for one in parts], index=rows, dtype=object)
            for name in ("group", "var1", "var2")
        }
        columns["level"] = np.array([one.level for one in parts], dtype=np.int64)
        columns["vcov"] = np.array([one.vcov for one in parts])
        columns["sdcor"] = np.array([one.sdcor for one in parts])
        columns["se"] = np.array(self._inference.se_components)
        return pd.DataFrame(columns, index=rows, copy=False)

    @property
    def se_reasons(self) -> dict[tuple[str, str | None, str | None], str]:
        """Why a variance component's standard error is NaN, by (group, var1, var2)."""
        return {
            (c.group, c.var1, c.var2): reason
            for c, reason in zip(self._components, self._inference.reasons, strict=True)
            if reason is not None
        }

    @property
    def correlation_of_fixed_effects(self) -> pd.DataFrame:
        """Correlations of the fixed-effects estimates by the fit's recipe, shape (p, p)."""
        covariance = self.cov_params()
        sd = self.bse.to_numpy()
        return covariance.div(sd, axis=0).div(sd, axis=1)

    @property
    def scaled_residuals(self) -> pd.Series:
        """Minimum, quartiles and maximum of the residuals over sigma, as in R's summary."""
        values = self.resid.to_numpy() / self.sigma
        quantiles = np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0])
        return pd.Series(quantiles, index=["min", "q1", "median", "q3", "max"])

    # -- random effects and fitted values ------------------------------------------------------

    @cached_property
    def _spherical_modes(self) -> list[Array]:
        """Conditional modes v of the spherical effects, per level (G, q): eq. 60 at beta."""
        return spherical_modes(self._criterion, self._at)

    @cached_property
    def _modes(self) -> list[Array]:
        """Conditional modes u = Lambda v on the data's scale, per level (G, q)."""
        Lambdas = self._criterion.covariance.Lambdas(self._at.theta)
        return [v @ L.T for v, L in zip(self._spherical_modes, Lambdas, strict=True)]

    @cached_property
    def random_effects(self) -> dict[str, pd.DataFrame]:
        """Conditional modes on the data's scale by grouping factor: groups by coefficients."""
        return {
            level.name: pd.DataFrame(
                modes,
                index=level.labels,
                columns=[name for term in level.terms for name in term.names],
            )
            for level, modes in zip(self.design.levels, self._modes, strict=True)
        }

    @cached_property
    def fittedvalues(self) -> pd.Series:
        """X beta + offset + Z u, in the data's row order and index, shape (n,)."""
        values = self.design.X @ self.params.to_numpy() + self.design.offset
        for level, modes in zip(self.design.levels, self._modes, strict=True):
            values = values + np.einsum("nq,nq->n", level.Z, modes[level.codes])
        return pd.Series(values, index=self.design.index, name="fittedvalues")

    @property
    def resid(self) -> pd.Series:
        """Response minus fitted values, in the data's row order and index, shape (n,)."""
        return (self.design.y + self.design.offset - self.fittedvalues).rename("resid")

    # -- other points --------------------------------------------------------------------------

    def _evaluated(self, theta: Array) -> Evaluation:
        names = self.design.covariance.names
        check_size(theta, self._criterion.covariance.scale, names)
        try:
            at = self._criterion.evaluate(theta)
        except np.linalg.LinAlgError as problem:
            raise beyond_reach(theta, names, str(problem)) from problem
        if not np.isfinite(at.deviance):
            raise beyond_reach(theta, names, f"the deviance is {at.deviance}")
        return at

    def deviance_at(self, theta: ArrayLike | pd.Series | Mapping[str, float]) -> float:
        """Profiled deviance (REML criterion) at theta: an array in order, or numbers by name.

        Raises
        ------
        OptionError
            As :meth:`at`.
        """
        return self._evaluated(theta_values(theta, self.design.covariance.names)).deviance

    def at(self, theta: ArrayLike | pd.Series | Mapping[str, float]) -> Self:
        """The whole result evaluated at theta: an array in order, or numbers by name.

        Raises
        ------
        OptionError
            If theta is not one finite number a name, or so large that the residuals vanish beside
            the random effects in rounding.
        """
        names = self.design.covariance.names
        values = self._criterion.covariance.normalise(theta_values(theta, names))
        at = self._evaluated(values)
        try:
            report = report_at(self._criterion, at)
        except np.linalg.LinAlgError as problem:
            raise beyond_reach(values, names, str(problem)) from problem
        return type(self)(self.design, self._criterion, at, report, self.se_recipe)

    def with_recipe(self, recipe: str) -> Self:
        """The same fit, its standard errors by another recipe; see :func:`wemix_ref.mix`."""
        check_recipe(recipe, self.reml)
        return type(self)(self.design, self._criterion, self._at, self.optimizer, recipe)

    # -- V -------------------------------------------------------------------------------------

    def V(self, kind: str = "marginal") -> sp.csr_array:
        """Covariance of y, sparse (n, n), rows in the data's order.

        ``"marginal"``: Z G Z' + sigma^2 I, what the model implies. ``"working"``:
        sigma^2 (Z Lambda Psi^-1 Lambda' Z' + Omega^-1), with which generalised least squares
        returns beta.
        """
        theta, sigma = self._at.theta, self.sigma
        if kind == "marginal":
            return marginal.marginal_V(self.design, theta, sigma)
        if kind == "working":
            return marginal.working_V(self.design, theta, sigma)
        raise OptionError(f'kind must be "marginal" or "working"; found {kind!r}.')

    def Z(self) -> sp.csr_array:
        """Random-effects matrix, sparse, columns in lme4's order."""
        return marginal.Z_matrix(self.design)

    def G(self) -> sp.csr_array:
        """Covariance of all random effects, sparse block-diagonal, columns as in Z."""
        return marginal.G_matrix(self.design, self._at.theta, self.sigma)

    # -- printing ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        kind = "weighted" if self.weighted else "unweighted"
        criterion = "REML" if self.reml else "ML"
        return (
            f"<FittedModel {self.formula!r}, {kind} {criterion}, {self.nobs} rows, "
            f"deviance {self.deviance:.6g}>"
        )
