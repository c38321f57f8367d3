"""Names of the classes and causes of printed numbers, which whoever shows them may import.

What they mean stands in `wemix_ref.published.judge`.
"""

from __future__ import annotations

__all__ = [
    "CAUSES",
    "CLASSES",
    "DIFFERS",
    "EQUAL",
    "EXPLAINED",
    "FEWER",
    "NOT_JUDGED",
    "RELATIVE",
    "ROUNDED",
    "SKIPPED",
    "STOPPING",
    "TRUNCATION",
    "TWICE",
    "UNEXPLAINED",
    "WITHIN",
]

EQUAL, STOPPING, WITHIN = "equal", "stopping point", "within"
EXPLAINED, NOT_JUDGED, DIFFERS, SKIPPED = "explained", "not judged", "differs", "skipped"
#: In the order in which they are tried; `skipped` where the data are not here.
CLASSES = (EQUAL, STOPPING, WITHIN, EXPLAINED, NOT_JUDGED, DIFFERS, SKIPPED)

TRUNCATION, ROUNDED, UNEXPLAINED = "truncation", "rounded variances", "unexplained"
TWICE, FEWER = "rounded twice", "fewer digits"
#: Causes of a number in the class `within`, in the order in which they are tried.
CAUSES = (TRUNCATION, ROUNDED, TWICE, FEWER, UNEXPLAINED)

#: Share of a number's size by which it may be off beside half a printed unit. Of the packages'
#: numbers only misprints are further off: their optimisers stop at relative changes of this order.
RELATIVE = 5e-5
