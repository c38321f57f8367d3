"""Random effects of one level: correlated, of any of the standardised distributions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wemix_ref.errors import StudyError
from wemix_ref.simulate.arithmetic import Expression, Scope
from wemix_ref.simulate.draw_specs import DrawSpec, parsed, read_draw
from wemix_ref.simulate.places import at
from wemix_ref.simulate.streams import Stream

__all__ = ["INTERCEPT", "EffectSpec", "read_effect"]

Numbers = NDArray[np.float64]
Parameters = Mapping[str, float | bool | str]

INTERCEPT = "(Intercept)"


@dataclass(frozen=True)
class EffectSpec:
    """The q random effects of a level's units.

    Attributes
    ----------
    group : str
        The level's name.
    level : int
    terms : tuple of str
        ``(Intercept)`` or the covariate of each slope.
    names : tuple of str
        The effects' own names: ``u_<level>``, ``u_<level>_<covariate>``.
    sds : tuple of Expression
        Standard deviations.
    correlations : tuple of tuple of Expression
        q x q, or empty: uncorrelated.
    source : DrawSpec
        Of the standardised draws.
    where : str
        Place in the file, for messages.
    """

    group: str
    level: int
    terms: tuple[str, ...]
    names: tuple[str, ...]
    sds: tuple[Expression, ...]
    correlations: tuple[tuple[Expression, ...], ...]
    source: DrawSpec
    where: str

    @property
    def block(self) -> str:
        """Name by which all the level's effects stand in an order of draws."""
        return f"u_{self.group}"

    def values(self, scope: Scope, stream: Stream) -> tuple[Numbers, ...]:
        """Draw: u = diag(sd) L z, with z standardised and L the Cholesky factor of correlations.

        All units' draws for the first term are taken first, then those for the second.

        Parameters
        ----------
        scope : Scope
        stream : Stream

        Returns
        -------
        tuple of q ndarrays, shape (N_level,)

        Raises
        ------
        StudyError
            If a standard deviation is negative, or the correlations are those of no distribution.
        """
        z = [self.source.values(scope, self.level, stream) for _ in self.terms]
        sds = [self._sd(sd, scope) for sd in self.sds]
        if self.correlations:
            factor = np.linalg.cholesky(self.correlation(scope.parameters))
            z = [
                sum((factor[i, j] * z[j] for j in range(1, i + 1)), factor[i, 0] * z[0])
                for i in range(len(z))
            ]
        return tuple(sd * one for sd, one in zip(sds, z, strict=True))

    def _sd(self, sd: Expression, scope: Scope) -> float | Numbers:
        with at(f"{self.where}.sd"):
            if sd.uses_units(scope.parameters):
                value: float | Numbers = sd.evaluate(scope, self.level).astype(np.float64)
            else:
                value = sd.number(scope.parameters)
        if np.min(value) < 0.0:
            raise StudyError(
                f"{self.where}.sd: `{sd.text}` must be 0 or above; it is {float(np.min(value)):g}"
            )
        return value

    def correlation(self, parameters: Parameters) -> Numbers:
        """Return the effects' correlations, shape (q, q).

        Raises
        ------
        StudyError
            If the matrix is not symmetric with ones on its diagonal and positive definite.
        """
        q = len(self.terms)
        if not self.correlations:
            return np.eye(q)
        with at(f"{self.where}.correlation"):
            matrix = np.array(
                [[one.number(parameters) for one in row] for row in self.correlations]
            )
        good = (matrix == matrix.T).all() and (np.diag(matrix) == 1.0).all()
        if not good or np.linalg.eigvalsh(matrix)[0] <= 1e-12:
            raise StudyError(
                f"{self.where}.correlation: must be symmetric and positive definite with 1 on the "
                f"diagonal; it is {matrix.tolist()}"
            )
        return matrix

    def truth(self, parameters: Parameters) -> dict[str, float]:
        """Return variances and covariances by name; none of an sd that differs between units."""
        fixed = {
            i: sd.number(parameters)
            for i, sd in enumerate(self.sds)
            if not sd.uses_units(parameters)
        }
        correlation = self.correlation(parameters)
        found = {f"var {self.group} {self.terms[i]}": sd * sd for i, sd in fixed.items()}
        for i, first in fixed.items():
            for j, second in fixed.items():
                if i < j:
                    name = f"cov {self.group} {self.terms[i]},{self.terms[j]}"
                    found[name] = float(correlation[i, j]) * first * second
        return found


def read_effect(
    group: str, content: Mapping[str, Any], level_names: tuple[str, ...], where: str
) -> EffectSpec:
    """Read the random effects of a level.

    Raises
    ------
    StudyError
        If the level is unknown or the lowest, or sd and correlation do not fit the terms.
    """
    if group not in level_names[:-1]:
        raise StudyError(
            f"{where}: random effects belong to a level above the lowest, "
            f"{', '.join(level_names[:-1])}; found {group!r}. Effects of `{level_names[-1]}` are "
            "the residual"
        )
    terms = tuple(content.get("terms", [INTERCEPT]))
    q = len(terms)
    if len(set(terms)) < q or not q:
        raise StudyError(f"{where}.terms: must be one or more, each once; found {list(terms)}")
    sds = content["sd"] if isinstance(content["sd"], list) else [content["sd"]]
    if len(sds) != q:
        raise StudyError(f"{where}.sd: needs one number for each of the {q} terms; has {len(sds)}")
    rest = {k: v for k, v in content.items() if k not in ("terms", "sd", "correlation")}
    return EffectSpec(
        group,
        level_names.index(group),
        terms,
        tuple(f"u_{group}" if t == INTERCEPT else f"u_{group}_{t}" for t in terms),
        tuple(parsed(sd, f"{where}.sd") for sd in sds),
        _read_correlations(content.get("correlation"), q, f"{where}.correlation"),
        read_draw(rest, where, standard=True, recycles=True),
        where,
    )


def _read_correlations(content: Any, q: int, where: str) -> tuple[tuple[Expression, ...], ...]:  # noqa: ANN401
    if content is None:
        return ()
    if q == 1:
        raise StudyError(f"{where}: needs two terms or more; there is one")
    if not isinstance(content, list):
        one, common = parsed(1, where), parsed(content, where)
        return tuple(tuple(one if i == j else common for j in range(q)) for i in range(q))
    if len(content) != q or any(not isinstance(row, list) or len(row) != q for row in content):
        raise StudyError(f"{where}: must be one number or {q} rows of {q}; found {content}")
    return tuple(tuple(parsed(one, where) for one in row) for row in content)
