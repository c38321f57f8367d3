"""Tables, text and files of a fitted model."""

from __future__ import annotations

from wemix_ref.fitted import Fitted

__all__ = ["Presentation"]


class Presentation(Fitted):
    """Tables, text and files of a fitted model."""
