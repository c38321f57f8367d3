"""Tables, text and files of a fitted model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pandas as pd

from wemix_ref import tidy
from wemix_ref.errors import CaseError, OptionError
from wemix_ref.fitted import Fitted
from wemix_ref.intervals import check_level, component_intervals, reference
from wemix_ref.lme4_names import VarCorr, get_me, var_corr
from wemix_ref.serialise import from_json_text, to_json_text
from wemix_ref.summary import Summary, summarise

__all__ = ["Presentation"]


class Presentation(Fitted):
    """Tables, text and files of a fitted model."""

    # -- text ----------------------------------------------------------------------------------

    def summary(self, digits: int = 4, t_digits: int = 3) -> Summary:
        """Text as R's summary shows it, with so many decimals of estimates and t values.

        Returns
        -------
        Summary
            A ``str`` for print; a notebook shows it as HTML.
        """
        for name, value in (("digits", digits), ("t_digits", t_digits)):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 17:
                raise OptionError(f"{name} must be a whole number from 0 to 17; found {value!r}.")
        return summarise(self, digits, t_digits)

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().html

    # -- fixed effects -------------------------------------------------------------------------

    def conf_int(
        self,
        level: float = 0.95,
        method: str = "normal",
        df: str | float | None = None,
        *,
        on: str = "beta",
    ) -> pd.DataFrame:
        """Confidence intervals by the fit's recipe: columns low and high.

        Parameters
        ----------
        level : between 0 and 1.
        method : "normal", or "t" with `df`.
        df : of "t": "groups" (also None) for K - 1, K the number of top groups, or a number.
        on : "beta", the fixed effects; or "components": variances, by intervals that are symmetric
            for their logarithm, and covariances. NaN where a component has no standard error.

        Raises
        ------
        OptionError
            A level, method, df or on that is not among these.
        """
        against = reference(method, df, self.design.levels[-1].n_groups)
        width = against.quantile(check_level(level))
        if on == "beta":
            half = width * self.bse.to_numpy()
            beta = self.params.to_numpy()
            table = pd.DataFrame({"low": beta - half, "high": beta + half}, index=self.params.index)
        elif on == "components":
            table = component_intervals(self._components, self._inference.se_components, width)
        else:
            raise OptionError(f'on must be "beta" or "components"; found {on!r}.')
        table.attrs["reference"] = str(against)
        return table

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p values of the fixed effects against the standard normal, shape (p,)."""
        return self.p_values().rename("pvalues")

    def p_values(self, method: str = "normal", df: str | float | None = None) -> pd.Series:
        """Two-sided p values of the fixed effects, shape (p,).

        Parameters
        ----------
        method, df : the reference distribution, as in `conf_int`; its name stands in
            ``attrs["reference"]``.
        """
        against = reference(method, df, self.design.levels[-1].n_groups)
        values = against.p_values(self.tvalues.to_numpy())
        out = pd.Series(values, index=self.params.index, name="p_values")
        out.attrs["reference"] = str(against)
        return out

    # -- tables --------------------------------------------------------------------------------

    def tidy(
        self,
        conf_int: bool = False,
        conf_level: float = 0.95,
        effects: str = "both",
        *,
        scales: str = "sdcor",
        p_values: bool = False,
        method: str = "normal",
        df: str | float | None = None,
    ) -> pd.DataFrame:
        """One row an estimate, with the columns of R's broom.mixed.

        Parameters
        ----------
        conf_int : whether to add conf.low and conf.high, of the fixed effects.
        conf_level : between 0 and 1.
        effects : "both", "fixed" or "ran_pars".
        scales : "sdcor" for standard deviations and correlations (terms ``sd__x``,
            ``cor__x.z``), "vcov" for variances and covariances (``var__x``, ``cov__x.z``).
        p_values : whether to add p.value, of the fixed effects.
        method, df : the reference distribution, as in `conf_int`.

        Returns
        -------
        DataFrame
            effect, group, term, estimate, std.error, statistic. The standard errors of sd and cor
            follow from those of the variances by the delta method; NaN where `se_reasons` says why.
        """
        against = reference(method, df, self.design.levels[-1].n_groups)
        return tidy.tidy(
            self,
            effects,
            scales,
            against,
            conf_int=conf_int,
            conf_level=conf_level,
            p_values=p_values,
        )

    def glance(self) -> pd.DataFrame:
        """One row: nobs, sigma, logLik, AIC, BIC, REMLcrit, deviance, df.residual.

        deviance is NaN under REML, REMLcrit otherwise. AIC and BIC of a weighted fit are NaN;
        ``attrs["reasons"]`` says why.
        """
        return tidy.glance(self)

    def augment(self, data: object | None = None) -> pd.DataFrame:
        """Data of the rows used, with .fitted, .resid, .fixed, .mu and .offset.

        Parameters
        ----------
        data : the table that was fitted, for all its columns; None for those the model uses.

        Returns
        -------
        DataFrame
            .fitted and .mu are X beta + offset + Z u, .fixed X beta + offset, .resid the response
            minus .fitted. A weighted fit adds .weights, the unconditional weight of the row as
            used.

        Raises
        ------
        DataError
            Other rows than those fitted, or columns of these names in the data.
        """
        return tidy.augment(self, data)

    @property
    def aic(self) -> float:
        """Deviance (REML criterion) + 2 (p + n_theta + 1); a ModelError when weighted."""
        return tidy.information_criteria(self)[0]

    @property
    def bic(self) -> float:
        """Deviance (REML criterion) + log(n) (p + n_theta + 1); a ModelError when weighted."""
        return tidy.information_criteria(self)[1]

    # -- lme4's names --------------------------------------------------------------------------

    @property
    def fixef(self) -> pd.Series:
        """Fixed effects, the same as `params`."""
        return self.params.rename("fixef")

    @property
    def ranef(self) -> dict[str, pd.DataFrame]:
        """Conditional modes by grouping factor, the same as `random_effects`."""
        return self.random_effects

    @property
    def VarCorr(self) -> VarCorr:
        """Covariance matrix of each random term, with the residual's sigma."""
        return var_corr(self)

    def getME(self, name: str) -> Any:  # noqa: ANN401
        """Part of the model by the name that lme4's getME gives it.

        Parameters
        ----------
        name : such as "X", "Zt", "Lambdat", "theta", "u", "b", "cnms". Positions ("Gp", "Lind")
            count from 0. Columns of Z are in lme4's order.

        Raises
        ------
        OptionError
            An unknown name; the message lists the known ones.
        """
        return get_me(self, name)

    # -- files ---------------------------------------------------------------------------------

    def to_json(self, path: str | Path | None = None) -> str:
        """The whole fit as JSON: its data, what was asked for, theta, and the results.

        Parameters
        ----------
        path : where to write it, UTF-8; None only returns it.

        Raises
        ------
        DataError
            A fit that does not hold its data, or values that JSON has no place for.
        """
        text = to_json_text(self)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    @classmethod
    def from_json(cls, source: str | Path) -> Self:
        """Make the fit again from what `to_json` gave; nothing is optimised.

        Parameters
        ----------
        source : the text, or a pathlib.Path to the file.

        Raises
        ------
        CaseError
            Text that is not such a record, is cut off, was changed, comes from a later version, or
            does not give its own deviance again to 1e-12.
        """
        if isinstance(source, Path):
            try:
                source = source.read_text(encoding="utf-8")
            except (OSError, ValueError) as problem:
                told = getattr(problem, "strerror", None) or str(problem)
                raise CaseError(
                    f"{source} must be a fitted model as to_json wrote it; it cannot be read: "
                    f"{told}. Name another file, or write it again."
                ) from problem
        return cls(*from_json_text(source))
