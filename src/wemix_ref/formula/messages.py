"""Formula errors that show the text and the place."""

from __future__ import annotations

from wemix_ref.errors import FormulaError

__all__ = ["error_at"]

_WINDOW = 70


def error_at(text: str, pos: int, message: str) -> FormulaError:
    """Build a :class:`FormulaError` whose message ends with the text and a caret.

    Parameters
    ----------
    text : str
        The formula as given.
    pos : int
        Zero-based position of the offending character; clipped to the text.
    message : str
        What must hold, what was found, what to do.

    Returns
    -------
    FormulaError
        To be raised by the caller.
    """
    pos = min(max(pos, 0), len(text))
    start = max(0, pos - _WINDOW)
    end = min(len(text), pos + _WINDOW)
    shown = "".join(c if c.isprintable() else " " for c in text[start:end])
    head = "..." if start else ""
    tail = "..." if end < len(text) else ""
    caret = " " * (len(head) + pos - start) + "^"
    return FormulaError(f"{message}\n  {head}{shown}{tail}\n  {caret}")
