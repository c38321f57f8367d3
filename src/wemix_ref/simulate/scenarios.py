"""Scenarios of a study's file: names with their parameters, and the texts these stand for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wemix_ref.errors import StudyError

__all__ = ["Parameters", "settings_of", "small_version", "substituted"]

#: Values of a scenario's parameters by name.
Parameters = Mapping[str, float | bool | str]


def small_version(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return a file's content with the changes of its small version."""
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
    if "factors" in changes:
        out["factors"] = {**content["factors"], **changes["factors"]}
    if "scenarios" in changes:
        out["scenarios"] = {name: content["scenarios"][name] for name in changes["scenarios"]}
    # printed numbers are held against the whole study alone
    out.pop("published", None)
    return out


def settings_of(content: Mapping[str, Any], path: Path) -> dict[str, Parameters]:
    """Return scenario names with their parameters: named ones, or the full factorial."""
    constants = content.get("parameters", {})
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


def _tag(value: float | bool | str) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text or not all(c.isalnum() or c in ".-+" for c in text):
        raise StudyError(
            f"a factor's value must be a number, true, false or a word of letters, digits, "
            f"'.', '+' and '-', since it names files; found {value!r}."
        )
    return text


def substituted(value: Any, parameters: Parameters) -> Any:  # noqa: ANN401
    """Return plain data with every text `$name` replaced by the parameter."""
    if isinstance(value, Mapping):
        return {key: substituted(item, parameters) for key, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, parameters) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        name = value[1:]
        if name not in parameters:
            raise StudyError(
                f"`{value}` must name a parameter ({', '.join(parameters) or 'there are none'})."
            )
        return parameters[name]
    return value
