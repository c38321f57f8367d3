"""V by group, the profile of theta, and pictures of a fitted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from wemix_ref import marginal
from wemix_ref.conditional_modes import conditional_variances
from wemix_ref.errors import ModelError, OptionError
from wemix_ref.fitted import Fitted
from wemix_ref.plots import diagnostics, effects, matrices, profiles
from wemix_ref.plots.figure import one_axes, panels
from wemix_ref.plots.views import matrix_view
from wemix_ref.theta_profile import ThetaProfile, profile_theta

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Pictures"]

Array = NDArray[np.float64]


class Pictures(Fitted):
    """V by group, the profile of theta, and pictures of a fitted model.

    Every picture is drawn on matplotlib Axes, given or new, which are returned; ``ax.figure`` is
    the figure, to be shown or saved. Nothing global is changed and no display is needed.
    """

    # -- V by group ----------------------------------------------------------------------------

    def V_by_group(
        self, kind: str = "marginal", groups: Sequence[object] | None = None
    ) -> Iterator[marginal.VBlock]:
        """Covariance of y a top group at a time, for data whose V is too large to form.

        Parameters
        ----------
        kind : "marginal" or "working", as in :meth:`V`.
        groups : ids of top groups, in the order wanted; None for all, in the order of their labels.

        Yields
        ------
        VBlock
            ``(label, rows, block)``: the group's id, positions of its rows in the data's order, and
            V of these rows, dense. :func:`wemix_ref.gls` takes the blocks of all groups in place
            of V.

        Raises
        ------
        OptionError
            A kind or a group that is not known.
        """
        return marginal.V_by_group(self.design, self._at.theta, self.sigma, kind, groups)

    # -- Z, G, V -------------------------------------------------------------------------------

    def plot_matrix(
        self,
        matrix: str,
        *,
        kind: str = "marginal",
        rows: ArrayLike | slice | None = None,
        group: object = None,
        level: str | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Heat map of Z, G or V, or of a part; zero is white, negative blue, positive red.

        Parameters
        ----------
        matrix : "Z", "G" or "V".
        kind : "marginal" or "working", for V.
        rows : positions of rows in the data's order, a slice or a list; for G, of random effects.
        group : id of a group, in place of rows: its rows, and the random effects that act on them.
        level : grouping factor that `group` is an id of; None for the top one.
        ax : where to draw; None for a new figure.

        Raises
        ------
        OptionError
            Names, positions or groups that do not exist, or more than four million entries.
        ImportError
            matplotlib is not installed.
        """
        view = matrix_view(
            self.design, self._at.theta, self.sigma, matrix, kind, rows, group, level
        )
        return matrices.draw_matrix(view, ax)

    # -- residuals and random effects ----------------------------------------------------------

    @property
    def _unit(self) -> str:
        return self.formula.split("~")[0].strip()

    def plot_residuals(self, ax: Axes | None = None) -> Axes:
        """Residuals against fitted values (random effects included), with means along the way.

        Means are of neighbouring rows, by their unconditional weights in a weighted fit.
        Shrinkage alone lets them rise a little from left to right; a bend tells of a fixed part
        that misses something.
        """
        return diagnostics.draw_residuals(
            self.fittedvalues.to_numpy(),
            self.resid.to_numpy(),
            self.design.omega,
            self.weighted,
            self._unit,
            ax,
        )

    def plot_qq(self, ax: Axes | None = None) -> Axes:
        """Normal quantile plot of the residuals over sigma.

        A residual's probability is the weight below it plus half its own, over the total.
        """
        return diagnostics.draw_qq(
            self.resid.to_numpy() / self.sigma,
            self.design.omega,
            self.weighted,
            "Residuals over sigma",
            "residual / sigma",
            ax,
        )

    def _chosen_effects(self, group: str | None, name: str | None) -> list[tuple[int, int, str]]:
        """Level, column and title of each random effect asked for."""
        every = [
            (position, column, level.name, effect)
            for position, level in enumerate(self.design.levels)
            for column, effect in enumerate(name for term in level.terms for name in term.names)
        ]
        chosen = [
            (position, column, f"{factor}: {effect}")
            for position, column, factor, effect in every
            if group in (None, factor) and name in (None, effect)
        ]
        if not chosen:
            known = ", ".join(f"{factor}: {effect}" for _, _, factor, effect in every)
            raise OptionError(
                f"group and name must choose a random effect ({known}); found group={group!r}, "
                f"name={name!r}."
            )
        return chosen

    def plot_random_effects_qq(
        self,
        group: str | None = None,
        name: str | None = None,
        axes: Sequence[Axes] | None = None,
    ) -> tuple[Axes, ...]:
        """Normal quantile plot of the conditional modes of each random effect.

        Modes are shrunken: their slope shows less than the effect's standard deviation.

        Parameters
        ----------
        group, name : grouping factor and coefficient; None for all.
        axes : where to draw, one for each effect; None for a new figure.
        """
        chosen = self._chosen_effects(group, name)
        drawn = panels(len(chosen), axes)
        for ax, (position, column, title) in zip(drawn, chosen, strict=True):
            modes, psi = self._modes[position][:, column], self.design.levels[position].psi
            diagnostics.draw_qq(modes, psi, self.weighted, title, "conditional mode", ax)
        return drawn

    def plot_caterpillar(
        self,
        group: str | None = None,
        name: str | None = None,
        level: float = 0.95,
        axes: Sequence[Axes] | None = None,
    ) -> tuple[Axes, ...]:
        """Conditional modes of each random effect, sorted, with intervals mode -+ z SE.

        The standard errors take beta, theta and sigma as known; in a weighted fit a group stands
        for one of its copies.

        Parameters
        ----------
        group, name : grouping factor and coefficient; None for all.
        level : of the intervals, between 0 and 1.
        axes : where to draw, one for each effect; None for a new figure.
        """
        _check_level(level)
        chosen = self._chosen_effects(group, name)
        most = max(self.design.levels[position].n_groups for position, _, _ in chosen)
        drawn = panels(len(chosen), axes, 4.4, effects.caterpillar_height(most))
        variances = conditional_variances(self._criterion, self._at)
        for ax, (position, column, title) in zip(drawn, chosen, strict=True):
            labels = [
                ":".join(map(str, label)) if isinstance(label, tuple) else str(label)
                for label in self.design.levels[position].labels
            ]
            se = np.sqrt(variances[position][:, column, column])
            modes = self._modes[position][:, column]
            effects.draw_caterpillar(modes, se, labels, level, title, ax)
        return drawn

    # -- profile -------------------------------------------------------------------------------

    def _profiles(self, names: Sequence[str] | None, zeta_max: float) -> list[ThetaProfile]:
        known = self.design.covariance.names
        wanted = list(known) if names is None else [names] if isinstance(names, str) else [*names]
        unknown = [name for name in wanted if name not in known]
        if unknown or not wanted:
            raise OptionError(
                f"names must be among those of theta ({', '.join(known)}); found "
                f"{', '.join(map(repr, unknown)) or 'none'}."
            )
        if not (np.isfinite(zeta_max) and 0 < zeta_max <= 10):
            raise OptionError(f"zeta_max must lie above 0, up to 10; found {zeta_max!r}.")
        if not self.converged:
            raise ModelError(
                "a profile starts from the optimum; the deviance of this result is not stationary. "
                "Profile the result of mix(), not one evaluated at another theta."
            )
        indices = [i for i, name in enumerate(known) if name in wanted]
        return [profile_theta(self._criterion, self._at, i, zeta_max) for i in indices]

    def profile_theta(
        self, names: Sequence[str] | None = None, zeta_max: float = 3.0
    ) -> pd.DataFrame:
        """Deviance along each element of theta, minimised over the others.

        Parameters
        ----------
        names : elements by lme4's names; None for all.
        zeta_max : how far to go on each side, in zeta.

        Returns
        -------
        pandas.DataFrame
            Columns name, value (of that element, relative to sigma), deviance, zeta, and one for
            each element of theta with its value at that point. zeta is the signed root of the
            deviance's distance from its minimum. Only without weights has it, roughly and away from
            zero variances, a standard normal distribution at the true value.

        Raises
        ------
        ModelError
            The result is not at an optimum, or a lower deviance was found on the way.
        OptionError
            An unknown name or a zeta_max out of range.
        """
        frames = []
        for one in self._profiles(names, zeta_max):
            frame = pd.DataFrame(one.theta, columns=list(self.design.covariance.names))
            frame.insert(0, "zeta", one.zeta)
            frame.insert(0, "deviance", one.deviance)
            frame.insert(0, "value", one.values)
            frame.insert(0, "name", one.name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def plot_profile(
        self,
        names: Sequence[str] | None = None,
        scale: str = "zeta",
        zeta_max: float = 3.0,
        level: float = 0.95,
        axes: Sequence[Axes] | None = None,
    ) -> tuple[Axes, ...]:
        """Profile of the deviance in each element of theta; see :meth:`profile_theta`.

        A straight line in zeta, a parabola in the deviance, is where intervals from standard errors
        are good. Without weights the picture shows where a likelihood-ratio test would cut. With
        weights the criterion is a pseudo-deviance, for which chi-square cut-offs do not hold; none
        is drawn.

        Parameters
        ----------
        names, zeta_max : as in :meth:`profile_theta`.
        scale : "zeta" or "deviance".
        level : of the cut-off, between 0 and 1.
        axes : where to draw, one for each element; None for a new figure.
        """
        if scale not in ("zeta", "deviance"):
            raise OptionError(f'scale must be "zeta" or "deviance"; found {scale!r}.')
        _check_level(level)
        one_axes(None)  # tells of a missing matplotlib before the work is done
        found = self._profiles(names, zeta_max)
        criterion = "REML criterion" if self.reml else "deviance"
        criterion = "pseudo-deviance" if self.weighted else criterion
        drawn = panels(len(found), axes)
        for ax, one in zip(drawn, found, strict=True):
            profiles.draw_profile(one, scale, criterion, not self.weighted, level, ax)
        return drawn


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise OptionError(f"level must lie between 0 and 1, such as 0.95; found {level!r}.")
