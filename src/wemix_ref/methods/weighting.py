"""What the sampling weights are like."""

from __future__ import annotations

from wemix_ref.fitted import Fitted

__all__ = ["Weighting"]


class Weighting(Fitted):
    """What the sampling weights are like."""
