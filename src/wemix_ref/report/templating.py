"""What all pages share: the templates' surroundings, and their text without blank lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["rendered", "styles", "surroundings"]


def surroundings() -> Environment:
    """Make the environment of the package's templates: all text is escaped, nothing undefined."""
    return Environment(
        loader=PackageLoader("wemix_ref.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def styles(environment: Environment, *names: str) -> Markup:
    """Give style sheets as they are, one after another."""
    loader = environment.loader
    sheets = (loader.get_source(environment, name)[0] for name in names)  # type: ignore[union-attr]
    return Markup("\n").join(map(Markup, sheets))


def rendered(environment: Environment, template: str, context: Mapping[str, Any]) -> str:
    """Give a page's text without blank lines and blanks at the ends of lines."""
    text = environment.get_template(template).render(context)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
