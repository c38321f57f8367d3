"""Our own fit of a case, as a summary shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wemix_ref.report.digits import Shown, plain

__all__ = ["Fit", "fit_summary"]


@dataclass(frozen=True)
class Fit:
    """Our own fit at its optimum."""

    scalars: tuple[tuple[str, Shown], ...]
    fixed: tuple[tuple[str, Shown, Shown, Shown], ...]
    random: tuple[tuple[str, str, Shown, Shown, Shown], ...]
    theta: tuple[tuple[str, Shown], ...]
    recipe: str
    remarks: tuple[str, ...]


def fit_summary(record: Mapping[str, Any] | None) -> Fit | None:
    """Arrange our own fit; None where there is no record of one."""
    if record is None or record["optimum"] is None:
        return None
    point = record["optimum"]
    errors = point.get("se_beta") or {}
    fixed = []
    for name, value in point["beta"].items():
        error = errors.get(name)
        t = value / error if error else None
        fixed.append((name, plain(value), plain(error), plain(t, 6)))
    random = tuple(
        (
            row["group"],
            " with ".join(part for part in (row["var1"], row["var2"]) if part),
            plain(row["vcov"]),
            plain(row.get("sdcor")),
            plain(row.get("se")),
        )
        for row in point.get("variance_components", ())
    )
    criterion = "REML criterion" if record["reml"] else "deviance"
    scalars = [(criterion, plain(point["deviance"])), ("sigma", plain(point["sigma"]))]
    optimizer = point.get("optimizer") or {}
    scalars += [
        (name.replace("_", " "), plain(optimizer[name], 3))
        for name in ("method", "evaluations", "gradient_norm")
        if name in optimizer
    ]
    remarks = list(record.get("messages") or ())
    theta = point["theta"]
    return Fit(
        scalars=tuple(scalars),
        fixed=tuple(fixed),
        random=random,
        theta=tuple(
            (name, plain(value))
            for name, value in zip(theta["names"], theta["values"], strict=True)
        ),
        recipe=point.get("se_recipe") or "",
        remarks=tuple(remarks),
    )
