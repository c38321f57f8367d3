"""Changes of data that do not change a model, or change it in a known way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from wemix_ref.errors import CaseError

__all__ = ["edited"]


def edited(data: pd.DataFrame, edits: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a changed copy.

    Parameters
    ----------
    data : the data; each row keeps its label.
    edits : one after the other, each as ``workflow/schemas/divergence.schema.yaml`` has it.

    Raises
    ------
    CaseError
        If a column is not there.
    """
    data = data.copy()
    for edit in edits:
        kind = next(iter(edit))
        columns = [edit["weight"]] if kind == "centre" else list(edit.get("of", ()))
        if not columns or kind == "centre":
            columns.append(edit[kind])
        if missing := [name for name in columns if name not in data.columns]:
            raise CaseError(f"edit `{kind}` must name columns of the data; {missing[0]!r} is none.")
        data = _apply(data, kind, edit)
    return data


def _apply(data: pd.DataFrame, kind: str, edit: Mapping[str, Any]) -> pd.DataFrame:
    name = edit[kind]
    if kind == "scale":
        return data.assign(**{edit.get("as", name): data[name] * edit["by"]})
    if kind == "product":
        first, second = edit["of"]
        return data.assign(**{name: data[first] * data[second]})
    if kind == "difference":
        first, second = edit["of"]
        return data.assign(**{name: data[first] - data[second]})
    if kind == "centre":
        weight = data[edit["weight"]]
        return data.assign(**{name: data[name] - (weight * data[name]).sum() / weight.sum()})
    if kind == "rename":
        return data.rename(columns={name: edit["to"]})
    if kind == "sort":
        return data.sort_values(name, kind="stable")
    labels = sorted(data[name].unique())
    if kind == "relabel":
        return data.assign(**{name: data[name].map(dict(zip(labels, labels[::-1], strict=True)))})
    width = len(str(len(labels)))
    texts = {label: f"id{place:0{width}d}" for place, label in enumerate(labels, start=1)}
    return data.assign(**{name: data[name].map(texts)})
