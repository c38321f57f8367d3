"""Engines by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from wemix_ref.engines.protocol import Engine
from wemix_ref.errors import EngineError

_CLASSES = {
    "python": ("python", "PythonEngine"),
    "lme4": ("lme4", "Lme4Engine"),
    "lme4-weighted": ("lme4_weighted", "Lme4WeightedEngine"),
    "wemix": ("wemix", "WemixEngine"),
    "statsmodels": ("statsmodels", "StatsmodelsEngine"),
    "recorded": ("recorded", "RecordedEngine"),
}
ENGINE_NAMES = tuple(_CLASSES)


def get_engine(name: str, *, recorded_dir: Path | None = None) -> Engine:
    """Return the engine of a name.

    Parameters
    ----------
    name : str
        One of `ENGINE_NAMES`.
    recorded_dir : pathlib.Path or None
        Where the engine ``recorded`` looks for its answers; the project's
        ``resources/recorded`` when None.

    Raises
    ------
    EngineError
        If there is no engine of that name.
    """
    if name not in _CLASSES:
        raise EngineError(
            f"engine must be one of {', '.join(ENGINE_NAMES)}; got {name!r}. Correct the name."
        )
    module, class_name = _CLASSES[name]
    engine_class = getattr(import_module(f"wemix_ref.engines.{module}"), class_name)
    return engine_class(recorded_dir) if name == "recorded" else engine_class()
