"""Tests and intervals."""

from __future__ import annotations

from wemix_ref.fitted import Fitted

__all__ = ["Testing"]


class Testing(Fitted):
    """Tests and intervals."""
