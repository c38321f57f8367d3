"""R's answers as references: recorded with all that they come from, and R checked against them.

`record_answers` writes what live R gives for cases, one file an answer, in the form that the engine
``recorded`` reads. `check_answers` runs R again and says of every number whether it is the same,
new, fixed, worsened or changed.
"""

from __future__ import annotations

from wemix_ref.references.check import check_answers
from wemix_ref.references.record import record_answers

__all__ = ["check_answers", "record_answers"]
