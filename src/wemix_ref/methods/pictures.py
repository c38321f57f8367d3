"""Pictures of a fitted model."""

from __future__ import annotations

from wemix_ref.fitted import Fitted

__all__ = ["Pictures"]


class Pictures(Fitted):
    """Pictures of a fitted model."""
