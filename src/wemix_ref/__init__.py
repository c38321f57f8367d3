"""Weighted linear mixed models: a reference implementation, held against R."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wemix_ref.errors import (
    BoundaryWarning,
    CaseError,
    ConvergenceWarning,
    DataError,
    DesignWarning,
    DroppedRowsWarning,
    EngineError,
    FormulaError,
    ModelError,
    NestingError,
    OptionError,
    RankError,
    SingularFitWarning,
    WeightsError,
    WeightsWarning,
    WemixRefError,
    WemixRefWarning,
)

if TYPE_CHECKING:
    from wemix_ref.fit import mix
    from wemix_ref.many import mix_many
    from wemix_ref.marginal import gls
    from wemix_ref.results import FittedModel
    from wemix_ref.scaling import scale_weights

__version__ = "0.1.0"

__all__ = [
    "BoundaryWarning",
    "CaseError",
    "ConvergenceWarning",
    "DataError",
    "DesignWarning",
    "DroppedRowsWarning",
    "EngineError",
    "FittedModel",
    "FormulaError",
    "ModelError",
    "NestingError",
    "OptionError",
    "RankError",
    "SingularFitWarning",
    "WeightsError",
    "WeightsWarning",
    "WemixRefError",
    "WemixRefWarning",
    "__version__",
    "gls",
    "mix",
    "mix_many",
    "scale_weights",
]

# Loaded when first asked for: the workflow's many small jobs need little of the estimator.
_HOME = {
    "FittedModel": "wemix_ref.results",
    "gls": "wemix_ref.marginal",
    "mix": "wemix_ref.fit",
    "mix_many": "wemix_ref.many",
    "scale_weights": "wemix_ref.scaling",
}

if not TYPE_CHECKING:  # to a type checker a module with __getattr__ has every name

    def __getattr__(name: str) -> Any:  # noqa: ANN401
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
