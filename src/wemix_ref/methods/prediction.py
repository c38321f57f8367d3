"""Random effects, prediction, simulation and shares of variance."""

from __future__ import annotations

from wemix_ref.fitted import Fitted

__all__ = ["Prediction"]


class Prediction(Fitted):
    """Random effects, prediction, simulation and shares of variance."""
