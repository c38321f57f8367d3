"""Scenarios of a study's file: names with their parameters, and the texts these stand for."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from wemix_ref.errors import StudyError

__all__ = ["SECTIONS", "Parameters", "check_use", "settings_of", "small_version", "substituted"]

#: Sections of a file where `$name` stands for a parameter.
SECTIONS = (
    "population",
    "sampling",
    "nonresponse",
    "trimming",
    "noise",
    "model",
    "target",
    "analyses",
)
# sections with expressions
_EXPRESSIONS = SECTIONS[:5]

#: Values of a scenario's parameters by name.
Parameters = Mapping[str, float | bool | str]


def small_version(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return a file's content with the changes of its small version.

    Raises
    ------
    StudyError
        If there is none, or it has a factor, a value of one, or a scenario that the whole study
        has not: its replicates are some of the whole's.
    """
    changes = content.get("small")
    if changes is None:
        raise StudyError(f"{path}: a small version is defined by the key `small`; there is none.")
    out = {key: value for key, value in content.items() if key != "small"}
    out["replicates"] = changes["replicates"]
    if "chunk" in changes:
        out["chunk"] = changes["chunk"]
    if "audit" in changes:
        out["audit"] = {**content.get("audit", {}), "replicates": changes["audit"]}
    for key in ("factors", "scenarios"):
        unknown = [name for name in changes.get(key, ()) if name not in content.get(key, {})]
        if unknown:
            raise StudyError(f"{path}: small.{key} must name {key}; {unknown[0]!r} is none.")
    for name, values in changes.get("factors", {}).items():
        # 1, 1.0 and true are equal, but name different scenarios
        whole = [repr(value) for value in content["factors"][name]]
        other = [value for value in values if repr(value) not in whole]
        if other:
            raise StudyError(
                f"{path}: small.factors.{name} must be values that the whole study has "
                f"({', '.join(whole)}); {len(other)} are not (first: {other[0]!r}). Add them to "
                f"factors.{name}, or take them out of small.factors."
            )
    if "factors" in changes:
        out["factors"] = {**content["factors"], **changes["factors"]}
    if "scenarios" in changes:
        out["scenarios"] = {name: content["scenarios"][name] for name in changes["scenarios"]}
    # printed numbers are held against the whole study alone
    out.pop("published", None)
    return out


def settings_of(content: Mapping[str, Any], path: Path) -> dict[str, Parameters]:
    """Return scenario names with their parameters: named ones, or the full factorial.

    Raises
    ------
    StudyError
        If a name is a parameter and a factor, or if two scenarios have one name or different
        parameters.
    """
    constants = content.get("parameters", {})
    twice = [name for name in content.get("factors", {}) if name in constants]
    if twice:
        raise StudyError(
            f"{path}: a name must stand under parameters or under factors, not both; "
            f"{len(twice)} do (first: {twice[0]!r}). Take it out of `parameters`: a factor brings "
            "its own values."
        )
    if "factors" in content and "scenarios" in content:
        raise StudyError(f"{path}: give factors or scenarios, not both; leave one out.")
    if "scenarios" in content:
        out: dict[str, Parameters] = {
            name: {**constants, **own} for name, own in content["scenarios"].items()
        }
    elif "factors" in content:
        factors = content["factors"]
        out = {}
        for values in itertools.product(*factors.values()):
            chosen = dict(zip(factors, values, strict=True))
            name = "_".join(f"{factor}-{_tag(value)}" for factor, value in chosen.items())
            if name in out:
                raise StudyError(
                    f"{path}: factor values must differ in their text; {name!r} is there twice."
                )
            out[name] = {**constants, **chosen}
    else:
        out = {"main": dict(constants)}
    names = {frozenset(parameters) for parameters in out.values()}
    if len(names) > 1:
        first, other = sorted(names, key=sorted)[:2]
        raise StudyError(
            f"{path}: every scenario must set the same parameters; "
            f"{sorted(first ^ other)[0]!r} is not in all of them."
        )
    return out


def check_use(
    content: Mapping[str, Any], parameters: Parameters, expressed: Collection[str]
) -> None:
    """Refuse parameters that nothing depends on.

    Parameters
    ----------
    content : the file's.
    parameters : of any scenario; all have the same names.
    expressed : names that the expressions of any scenario use.

    Raises
    ------
    StudyError
        If neither an expression nor a text `$name` names one.
    """
    used = {text[1:] for key in SECTIONS for text in _texts(content.get(key)) if text[:1] == "$"}
    spare = [name for name in parameters if name not in used and name not in expressed]
    if spare:
        name = spare[0]
        places = [key for key in ("parameters", "factors") if name in content.get(key, {})]
        raise StudyError(
            f"every parameter must be used; {len(spare)} are not (first: {name!r}, under "
            f"{places[0] if places else 'scenarios'}). Name it in an expression of "
            f"{', '.join(_EXPRESSIONS)} or target.values, write `${name}` there or in model or "
            "analyses, or take it out."
        )


def _texts(content: Any) -> Iterator[str]:  # noqa: ANN401
    """Give every text of plain data, but not the keys of mappings."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, (Mapping, list)):
        for item in content.values() if isinstance(content, Mapping) else content:
            yield from _texts(item)


def _tag(value: float | bool | str) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text or not all(c.isalnum() or c in ".-+" for c in text):
        raise StudyError(
            f"a factor's value must be a number, true, false or a word of letters, digits, "
            f"'.', '+' and '-', since it names files; found {value!r}."
        )
    return text


def substituted(value: Any, parameters: Parameters, where: str) -> Any:  # noqa: ANN401
    """Return plain data with every text `$name` replaced by the parameter.

    Parameters
    ----------
    value : plain data.
    parameters : the scenario's.
    where : the keys that lead to the data, for messages.

    Raises
    ------
    StudyError
        If there is no such parameter.
    """
    if isinstance(value, Mapping):
        return {k: substituted(item, parameters, f"{where}.{k}") for k, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, parameters, f"{where}[{k}]") for k, item in enumerate(value)]
    if isinstance(value, str) and value.startswith("$"):
        name = value[1:]
        if name not in parameters:
            raise StudyError(
                f"{where}: `{value}` must name a parameter "
                f"({', '.join(parameters) or 'there are none'})."
            )
        return parameters[name]
    return value
