"""The fitted model that a user holds."""

from __future__ import annotations

from wemix_ref.methods.pictures import Pictures
from wemix_ref.methods.prediction import Prediction
from wemix_ref.methods.presentation import Presentation
from wemix_ref.methods.testing import Testing
from wemix_ref.methods.weighting import Weighting

__all__ = ["FittedModel"]


class FittedModel(Testing, Prediction, Weighting, Presentation, Pictures):
    """A linear mixed model at one theta, made by :func:`wemix_ref.mix` or :meth:`at`.

    Everything is computed from the design and theta when first asked for. The attributes and
    methods are those of :class:`wemix_ref.fitted.Fitted` and of the classes in
    :mod:`wemix_ref.methods`, one topic each.
    """
