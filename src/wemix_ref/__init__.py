"""Weighted linear mixed models: a reference implementation, held against R."""

from wemix_ref.errors import WemixRefError, WemixRefWarning
from wemix_ref.fit import mix
from wemix_ref.marginal import gls
from wemix_ref.results import FittedModel

__version__ = "0.1.0"

__all__ = ["FittedModel", "WemixRefError", "WemixRefWarning", "__version__", "gls", "mix"]
