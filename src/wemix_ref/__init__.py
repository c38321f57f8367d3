"""Weighted linear mixed models: a reference implementation, held against R."""

__version__ = "0.1.0"
