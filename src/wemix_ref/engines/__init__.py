"""Engines: programs that answer one problem with one fit record each.

`get_engine` returns an engine by name. R is never needed to import this package; an engine that
cannot run here answers with a record whose status says why.
"""

from __future__ import annotations

from wemix_ref.engines.protocol import Availability, Engine, FitResult, Problem
from wemix_ref.engines.record import read_record, validate_record, write_result
from wemix_ref.engines.registry import ENGINE_NAMES, get_engine

__all__ = [
    "ENGINE_NAMES",
    "Availability",
    "Engine",
    "FitResult",
    "Problem",
    "get_engine",
    "read_record",
    "validate_record",
    "write_result",
]
