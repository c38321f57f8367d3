"""Errors and warnings of the package.

Every error is a :class:`ValueError`, so that callers need not know this module, and its message
follows one pattern: what must hold, what was found and where, what to do about it.
"""

from __future__ import annotations

__all__ = [
    "BoundaryWarning",
    "CaseError",
    "ConvergenceWarning",
    "DataError",
    "DesignWarning",
    "DroppedRowsWarning",
    "EngineError",
    "FormulaError",
    "ModelError",
    "NestingError",
    "OptionError",
    "RankError",
    "SingularFitWarning",
    "StudyError",
    "WeightsError",
    "WeightsWarning",
    "WemixRefError",
    "WemixRefWarning",
    "shown",
]


def shown(label: object) -> str:
    """Write an id or a row's label for a message: as Python's own value, with its quotes."""
    if isinstance(label, tuple):
        return "(" + ", ".join(shown(part) for part in label) + ")"
    item = getattr(label, "item", None)
    return repr(item() if callable(item) else label)


class WemixRefError(ValueError):
    """Base of every error that the package raises on bad input."""


class FormulaError(WemixRefError):
    """The formula's text cannot be read, or means nothing that can be fitted."""


class DataError(WemixRefError):
    """The data lack a column, hold a wrong type, or leave nothing to fit."""


class WeightsError(WemixRefError):
    """Sampling weights are missing, not positive, not constant or wrong in number."""


class NestingError(WemixRefError):
    """The grouping factors are not nested in one another."""


class RankError(WemixRefError):
    """Columns of the fixed-effects matrix X depend linearly on others."""


class ModelError(WemixRefError):
    """The request is not defined for this model (REML with weights, one top group, ...)."""


class StudyError(WemixRefError):
    """A simulation study's file, or what it asks for, makes no sense."""


class OptionError(WemixRefError):
    """An argument has a value that is not among those allowed."""


class EngineError(WemixRefError):
    """An engine cannot answer: not installed, timed out, crashed, or data do not match."""


class CaseError(WemixRefError):
    """A case, study or record file does not follow its schema."""


class WemixRefWarning(UserWarning):
    """Base of every warning that the package gives."""


class BoundaryWarning(WemixRefWarning):
    """A hypothesis lies on the boundary, where the test's distribution does not hold."""


class DroppedRowsWarning(WemixRefWarning):
    """Rows with missing values in used columns were left out."""


class WeightsWarning(WemixRefWarning):
    """Sampling weights seem to be conditional but were read as unconditional, or the reverse."""


class SingularFitWarning(WemixRefWarning):
    """The fit is on the boundary: a variance is zero or a correlation is one in size."""


class DesignWarning(WemixRefWarning):
    """The data identify part of the model only weakly or not at all."""


class ConvergenceWarning(WemixRefWarning):
    """The optimiser stopped before the gradient was small."""
