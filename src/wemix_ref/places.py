"""Where the project's files are: those inside the package, and those of a checkout alone."""

from __future__ import annotations

from pathlib import Path

from wemix_ref.errors import OptionError

__all__ = ["PROJECT", "SCHEMAS", "is_checkout", "need_checkout"]

_PACKAGE = Path(__file__).resolve().parent

#: The root of the checkout, where the package lies in one.
PROJECT = _PACKAGE.parents[1]

#: Schemas: a wheel carries those of the workflow inside the package.
SCHEMAS = _PACKAGE / "schemas"
if not SCHEMAS.is_dir():
    SCHEMAS = PROJECT / "workflow" / "schemas"


def is_checkout() -> bool:
    """Whether the package lies in a checkout, with cases, configuration and resources around it."""
    return _PACKAGE.parent.name == "src" and (PROJECT / "config").is_dir()


def need_checkout(what: str) -> None:
    """Refuse what works on files that an installed package does not carry.

    Parameters
    ----------
    what : the start of the message, such as ``wemix-ref cases``.

    Raises
    ------
    OptionError
        The package does not lie in a checkout.
    """
    if not is_checkout():
        raise OptionError(
            f"{what} works on the project's own files (config/, resources/), which an installed "
            f"package does not carry; this one is installed at {_PACKAGE}. In a checkout call "
            "./workbench setup, then .venv/bin/wemix-ref."
        )
