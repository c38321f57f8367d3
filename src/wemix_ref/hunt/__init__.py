"""A search for wrong answers: small random models, and identities that any engine must keep."""

from wemix_ref.hunt.search import Hunt, hunt

__all__ = ["Hunt", "hunt"]
