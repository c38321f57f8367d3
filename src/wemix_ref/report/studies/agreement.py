"""Agreement with R in the audited replicates: digits drawn, and summed up in a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup

from wemix_ref.report.states import engine_order, engine_title
from wemix_ref.report.studies.panels import Picture, lay_out, picture
from wemix_ref.report.studies.view import StudyView
from wemix_ref.report.svg import BAD, GOOD, INK, drawing
from wemix_ref.report.tables import TIER_TITLES, quantity_title

__all__ = [
    "AuditCount",
    "AuditLine",
    "agreement_pictures",
    "audit_counts",
    "audit_lines",
    "audit_messages",
]

_MOST_DIGITS = 16.0
_BIN = 0.2
_LANES = 7
_ROW = 0.42
_FAILED = {False: True, "False": True}


@dataclass(frozen=True)
class AuditLine:
    """Agreement in one quantity with one engine.

    Attributes
    ----------
    engine, tier, quantity : str
    replicates, numbers : int
        Fits (scenario, replicate, analysis) and numbers that were compared.
    judged, outside : int
        Numbers that a tolerance applies to, and those that do not meet it.
    fewest, median, required : float
        Digits: the fewest, the median of the fewest of each fit, and those required.
    where : str
        Where the fewest digits were found.
    """

    engine: str
    tier: str
    quantity: str
    replicates: int
    numbers: int
    judged: int
    outside: int
    fewest: float
    median: float
    required: float
    where: str


@dataclass(frozen=True)
class AuditCount:
    """What became of all numbers that were held against an engine's.

    Attributes
    ----------
    engine : str
    fits : int
        Fits (scenario, replicate, analysis) that have an answer.
    numbers : int
        The sum of the next four.
    agree, differ : int
        Numbers that meet their tolerance, and those that do not.
    shown : int
        Numbers that are compared without a tolerance.
    undefined : int
        Numbers that one side has not.
    silent : int
        Fits without an answer.
    """

    engine: str
    fits: int
    numbers: int
    agree: int
    differ: int
    shown: int
    undefined: int
    silent: int


def audit_counts(view: StudyView) -> list[AuditCount]:
    """Count the audit's numbers by engine, and over all engines where there are several."""
    frame = view.audit.assign(verdict=view.audit["ok"].astype(object).map(_VERDICTS))
    parts = [("all engines", frame)]
    engines = engine_order(set(frame["engine"].astype(str)))
    parts = [(engine_title(name), frame[frame["engine"] == name]) for name in engines] + parts
    return [_count(name, part) for name, part in (parts if len(engines) > 1 else parts[:-1])]


_VERDICTS = {True: "agrees", False: "differs", "True": "agrees", "False": "differs"}


def _count(engine: str, part: pd.DataFrame) -> AuditCount:
    status = part["tier"] == "status"
    numbers = part[~status]
    verdict, digits = numbers["verdict"], numbers["digits"].notna()
    keys = ["scenario", "replicate", "analysis", "engine"]
    return AuditCount(
        engine,
        len(numbers[keys].drop_duplicates()),
        len(numbers),
        int((verdict == "agrees").sum()),
        int((verdict == "differs").sum()),
        int((verdict.isna() & digits).sum()),
        int((verdict.isna() & ~digits).sum()),
        len(part.loc[status, keys].drop_duplicates()),
    )


_QUANTITIES = {
    "variance": "variances",
    "se_beta_model": "SE of beta, model",
    "se_beta_sandwich": "SE of beta, sandwich",
    "se_variance_model": "SE of variances, model",
    "se_variance_sandwich": "SE of variances, sandwich",
}


def _quantity(name: str) -> str:
    return _QUANTITIES.get(name) or quantity_title(name)


def _title(engine: str, tier: str) -> str:
    title = TIER_TITLES.get(tier, tier)
    return f"{engine_title(engine)}: {title[:1].lower()}{title[1:]}"


def _compared(view: StudyView) -> pd.DataFrame:
    """Rows with digits; whether a number fails, as truth values."""
    frame = view.audit
    failed = frame["ok"].map(_FAILED).fillna(False).astype(bool)
    frame = frame.assign(failed=failed, judged=frame["ok"].notna())
    return frame[frame["digits"].notna() | (failed & (frame["tier"] != "status"))]


def _by_fit(part: pd.DataFrame) -> pd.DataFrame:
    """Fewest digits of each audited fit, those required, and whether a number of it fails."""
    keys = ["scenario", "replicate", "analysis"]
    part = part.assign(digits=part["digits"].astype(float).fillna(0.0))
    part = part.assign(required=part["required"].astype(float))
    return part.groupby(keys, sort=True, as_index=False).agg(
        digits=("digits", "min"), required=("required", "max"), failed=("failed", "any")
    )


def _groups(frame: pd.DataFrame, keys: list[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Group rows; engines and tiers in the order of the project, quantities as they appear."""
    engines = engine_order(set(frame["engine"].astype(str)))
    tiers = [*TIER_TITLES, *sorted(set(frame["tier"].astype(str)) - set(TIER_TITLES))]
    groups = [
        (tuple(str(one) for one in key), part) for key, part in frame.groupby(keys, sort=False)
    ]
    return sorted(groups, key=lambda one: (engines.index(one[0][0]), tiers.index(one[0][1])))


def audit_lines(view: StudyView) -> list[AuditLine]:
    """Sum the audit up by engine, tier and quantity."""
    lines = []
    for (engine, tier, quantity), part in _groups(_compared(view), ["engine", "tier", "quantity"]):
        fits = _by_fit(part)
        digits = part["digits"].astype(float).fillna(0.0)
        worst = part.iloc[int(np.argmin(digits.to_numpy()))]
        required = part["required"].astype(float)
        title = TIER_TITLES.get(tier, tier)
        named = f", {worst['name']}" if isinstance(worst["name"], str) and worst["name"] else ""
        lines.append(
            AuditLine(
                engine_title(engine),
                title[:1].lower() + title[1:],
                _quantity(quantity),
                len(fits),
                len(part),
                int(part["judged"].sum()),
                int(part["failed"].sum()),
                min(float(digits.min()), _MOST_DIGITS),
                min(float(fits["digits"].median()), _MOST_DIGITS),
                float(required.max()) if required.notna().any() else math.nan,
                f"{worst['scenario']}, replicate {worst['replicate']}, {worst['analysis']}{named}",
            )
        )
    return lines


def audit_messages(view: StudyView) -> list[tuple[str, str, int]]:
    """Engines that gave no answer: engine, what became of it, how often."""
    silent = view.audit[view.audit["tier"] == "status"]
    messages = silent["message"].fillna("").astype(str)
    states = zip(silent["engine"], silent["name"], messages, strict=True)
    counts = Counter((engine_title(str(e)), f"{name}: {said}") for e, name, said in states)
    return [(*key, n) for key, n in sorted(counts.items())]


def agreement_pictures(view: StudyView) -> list[Picture]:
    """Draw the digits of agreement: a dot a replicate's fit, a row a quantity."""
    frame = _compared(view)
    if frame.empty:
        return []
    quantities = list(dict.fromkeys(str(one) for one in frame["quantity"]))
    panels = [
        (_title(*key), [(str(q), _by_fit(p)) for q, p in part.groupby("quantity", sort=False)])
        for key, part in _groups(frame, ["engine", "tier"])
    ]
    each = max(1, -(-max(_fullest(f) for _, rows in panels for _, f in rows) // _LANES))
    stands = (
        "A dot is one fit of one replicate" if each == 1 else f"A dot stands for up to {each} fits"
    )
    caption = (
        f"{stands}, at the fewest digits that its numbers of a quantity share with R’s; dots at "
        f"the same place are stacked. A short green bar is the most digits that are required; fits "
        f"that do not meet what is required are red crosses. Digits beyond {_MOST_DIGITS:g} are "
        f"counted as {_MOST_DIGITS:g}."
    )
    title = "Agreement with R"
    draw = partial(_draw, title, panels, quantities, each)
    return [picture("agreement", title, caption, draw)]


def _bins(fits: pd.DataFrame) -> np.ndarray:
    digits = np.clip(fits["digits"].to_numpy(dtype=float), 0.0, _MOST_DIGITS)
    return np.floor(digits / _BIN + 1e-9).astype(int)


def _fullest(fits: pd.DataFrame) -> int:
    return int(np.bincount(_bins(fits)).max())


def _draw(
    title: str,
    panels: Sequence[tuple[str, list[tuple[str, pd.DataFrame]]]],
    quantities: Sequence[str],
    each: int,
    name: str,
    narrow: bool,
) -> Markup:
    labels = [_quantity(one) for one in quantities]
    with drawing():
        grid = lay_out(
            [one for one, _ in panels],
            labels,
            narrow=narrow,
            row=_ROW,
            columns=1 if narrow else (3 if len(panels) in (3, 5, 6, 9) else 2),
        )
        for (_, rows), place in zip(panels, grid.panels, strict=True):
            scale = place.scale((0.0, _MOST_DIGITS + 0.4))
            grid.axis(place, scale)
            heights = grid.rows(place, labels)
            for quantity, fits in rows:
                base = heights[quantities.index(quantity)] + 0.4 * _ROW
                required = fits["required"].astype(float)
                good, bad = [], []
                bins, failed = _bins(fits), fits["failed"].to_numpy(dtype=bool)
                for value in np.unique(bins):
                    here = bins == value
                    x = scale(min((value + 0.5) * _BIN, _MOST_DIGITS))
                    stack = [(x, base - 0.045 * k) for k in range(-(-int(here.sum()) // each))]
                    crosses = -(-int((failed & here).sum()) // each)
                    bad += stack[:crosses]
                    good += stack[crosses:]
                grid.canvas.marks(good, "o", INK, 2.9)
                grid.canvas.marks(bad, "X", BAD, 4.5)
                if required.notna().any():
                    x = scale(min(float(required.max()), _MOST_DIGITS))
                    grid.canvas.lines([[(x, base + 0.03), (x, base - 0.8 * _ROW)]], GOOD, 1.6)
        grid.foot("digits of agreement (log relative error)")
        told = f"{len(panels)} panels: {', '.join(one for one, _ in panels)}; rows: "
        told += ", ".join(labels) + ". The numbers stand in the table."
        return grid.canvas.svg(name, title, told)
