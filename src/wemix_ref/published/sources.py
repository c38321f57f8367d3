"""What sources print: tables of several packages, their numbers as text, and the models fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wemix_ref.datasets import RESOURCES
from wemix_ref.errors import CaseError
from wemix_ref.published.printed_tables import Column, Misprint, Printed, Published
from wemix_ref.strict_json import read_json_object
from wemix_ref.strict_yaml import PROJECT, read_valid_yaml

__all__ = ["CONFIG", "PACKAGES", "load_published"]

CONFIG = PROJECT / "config" / "published.yaml"

#: A source's name of a column -> the package, as tables here name it.
PACKAGES = MappingProxyType(
    {
        "WeMix": "WeMix",
        "Stata mixed": "Stata",
        "Stata GLLAMM": "GLLAMM",
        "SAS GLIMMIX": "SAS",
        "Mplus": "Mplus",
        "HLM": "HLM",
    }
)

#: How a source describes a recipe of standard errors -> our name of it.
_RECIPES = {
    "block, times K/(K-1)": "wemix",
    "beta: block times K/(K-1); variances: profile times K/(K-1)": "stata",
    "joint, times K/(K-1)": "gllamm",
    "joint, no correction": "sas",
}
_NOT_EXPLAINED = "not explained: "
_SCALARS = ("log_likelihood", "wald_chi2_")
_BY_KEY = ("beta", "se_beta", "variance", "se_variance")
_REMARKS = ("note", "recalled")


def load_published(config: Path = CONFIG, resources: Path = RESOURCES) -> dict[str, Published]:
    """Read every published fit.

    Parameters
    ----------
    config : ``config/published.yaml``.
    resources : directory whose ``published`` holds the numbers.

    Returns
    -------
    dict of str to Published
        By case, in the file's order.

    Raises
    ------
    CaseError
        If a file does not follow its schema, a number is no decimal text, or something that is
        named is not there.
    """
    content = read_valid_yaml(config, "published.schema.yaml")
    misprints = [Misprint(**entry) for entry in content["misprints"]]
    out = {}
    for case, about in content["cases"].items():
        told = _told(Path(resources) / "published" / about["file"], case)
        mine = tuple(misprint for misprint in misprints if misprint.case == case)
        out[case] = _published(case, about, told, content["data"], mine)
    for misprint in misprints:
        if misprint.case not in out:
            raise CaseError(
                f"{config}: misprints must be of a case; {misprint.case!r} is none of "
                f"{', '.join(out)}."
            )
        known = out[misprint.case].column(misprint.package)
        for column in (known, out[misprint.case].column(misprint.compared_with)):
            if column.text_of(misprint.quantity) is None:
                raise CaseError(
                    f"{config}: {column.package} must print `{misprint.quantity}` in "
                    f"{misprint.case}, where a misprint is declared; it does not."
                )
        if known.recipe != out[misprint.case].column(misprint.compared_with).recipe:
            raise CaseError(
                f"{config}: a misprint is proved by a package of the same recipe; "
                f"{misprint.compared_with} has another than {misprint.package}."
            )
    return out


def _told(path: Path, case: str) -> Mapping[str, Any]:
    """A case's part of a file of numbers: the whole, or one of its ``cases``."""
    content = read_json_object(path, "a file of printed numbers", "Restore it.", CaseError)
    for told in content.get("cases", [content]):
        if told.get("case") == case:
            return {"source": content.get("source", ""), **told}
    raise CaseError(f"{path}: there must be a case {case!r}; found none.")


def _published(
    case: str,
    about: Mapping[str, Any],
    told: Mapping[str, Any],
    data: Mapping[str, Any],
    misprints: tuple[Misprint, ...],
) -> Published:
    if about["data"] not in data:
        raise CaseError(f"{case}: data must be one of {', '.join(data)}; found {about['data']!r}.")
    file = data[about["data"]]
    carried = file.get("from")
    return Published(
        case=case,
        title=about["title"],
        source=told["source"],
        formula=told["formula"],
        weights=tuple(about.get("weights") or told["weights"]),
        conditional_weights=bool(told.get("conditional_weights", False)),
        scale=about.get("scale", "none"),
        center_group=_frozen(told["center_group"]) if "center_group" in told else None,
        reference_levels=_frozen(told.get("reference_levels", {})),
        file=about["file"],
        data=about["data"],
        what=file["what"],
        rows=file["rows"],
        groups=_frozen(file["groups"]),
        text=tuple(file.get("text", ())),
        shipped=file["shipped"],
        carried_by=None if carried is None else (carried["package"], carried["dataset"]),
        columns=tuple(_columns(case, about, told)),
        misprints=misprints,
    )


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


def _columns(case: str, about: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Column]:
    if "columns" in told:
        for heading, block in told["columns"].items():
            if heading not in PACKAGES:
                known = ", ".join(PACKAGES)
                raise CaseError(f"{case}: a column must be one of {known}; found {heading!r}.")
            recipe, not_judged = _recipe(case, told["se_recipe"].get(heading, ""))
            numbers = tuple(_numbers(case, block, about))
            yield Column(PACKAGES[heading], recipe, not_judged, numbers)
        return
    printed_by = about.get("printed_by", {})
    block = {name: told[name] for name in ("log_likelihood", *_BY_KEY) if name in told}
    if set(block) != set(printed_by):
        raise CaseError(
            f"{case}: printed_by must name the package of each of {', '.join(block)}; "
            f"found {', '.join(printed_by) or 'none'}."
        )
    for package in dict.fromkeys(printed_by.values()):
        mine = {name: block[name] for name, by in printed_by.items() if by == package}
        yield Column(package, None, "", tuple(_numbers(case, mine, about)))


def _recipe(case: str, text: str) -> tuple[str | None, str]:
    if text.startswith(_NOT_EXPLAINED):
        return None, text.removeprefix(_NOT_EXPLAINED)
    if text not in _RECIPES:
        raise CaseError(
            f"{case}: a recipe of standard errors must be one of {', '.join(map(repr, _RECIPES))}, "
            f"or begin with {_NOT_EXPLAINED!r}; found {text!r}."
        )
    return _RECIPES[text], ""


def _numbers(case: str, block: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Printed]:
    recalled: Sequence[str] = block.get("recalled", ())
    for quantity, entry in block.items():
        if quantity in _REMARKS:
            continue
        if quantity in _BY_KEY:
            items = entry
            if isinstance(entry, list):
                items = dict(zip(about.get("coefficients", ()), entry, strict=True))
        elif quantity.startswith(_SCALARS):
            items = {"": entry}
        else:
            raise CaseError(f"{case}: {quantity!r} is no quantity that is known here.")
        for key, text in items.items():
            label = f"{quantity} {key}".rstrip()
            _check_text(case, label, text)
            yield Printed(quantity, key, text, quantity in recalled or label in recalled)


def _check_text(case: str, label: str, text: object) -> None:
    """A printed number is text, so that its digits are kept: no number of JSON's."""
    digits = text.removeprefix("-") if isinstance(text, str) else ""
    whole, point, part = digits.partition(".")
    if not (whole + part).isdecimal() or not (whole + part).isascii() or (point and not part):
        raise CaseError(
            f"{case}: `{label}` must be a decimal number as text, such as '.59379'; found {text!r}."
        )
