"""A case's tables: every number side by side, grouped by tier, engine and theta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wemix_ref.report.data import TIERS, CaseResults
from wemix_ref.report.digits import Shown, pair, plain, printed_pair
from wemix_ref.report.states import STATES, State, engine_title, is_recorded

__all__ = [
    "QUANTITIES",
    "TIER_TITLES",
    "Fit",
    "Group",
    "Row",
    "Section",
    "Tier",
    "fit_summary",
    "label_title",
    "quantity_title",
    "tiers_of",
]

TIER_TITLES = {
    "same-theta": "At the same theta",
    "own-optimum": "Each at its own optimum",
    "matrices": "Z, G and V, element by element",
    "standard-errors": "Standard errors",
    "printed": "Printed numbers",
    "identities": "Identities",
}
QUANTITIES = {
    "deviance": "deviance",
    "llf": "log-likelihood",
    "beta": "beta",
    "gls_beta": "beta by GLS with V",
    "sigma": "sigma",
    "theta": "theta",
    "variance": "variance",
    "covariance": "covariance",
    "sdcor": "SD or correlation",
    "sd": "SD",
    "correlation": "correlation",
    "cor_fixed": "correlation of beta",
    "se_beta": "SE of beta",
    "se_variance": "SE of variance",
    "t": "t value",
    "nobs": "rows",
    "ngroups": "groups",
    "scaled_residuals": "scaled residual",
    "Z_shape": "size of Z",
    "data": "rows of the data",
    "another-model": "the other model",
    "known-divergence": "known wrong answers",
    "paper_deviance": "deviance by the paper's QR",
    "paper_beta": "beta by the paper's QR",
    "paper_sigma": "sigma by the paper's QR",
    "V_kronecker": "V by Kronecker products",
    "V_lambdat": "V by Lambda'",
    "V_bdiag": "V by block diagonals",
    "same_answer_deviance": "deviance of the twin case",
    "same_answer_sigma": "sigma of the twin case",
    "same_answer_beta": "beta of the twin case",
}
_HEADS = {"identities": ("one way", "the other way")}
_THETAS = {"python-optimum": "our own optimum", "printed": "the theta of the printed numbers"}
# A longer table is folded unless something in it differs.
_OPEN_ROWS = 12


@dataclass(frozen=True)
class Row:
    """One number: ours and theirs.

    Attributes
    ----------
    quantity, name : str
    ours, theirs : Shown
    digits, required : str
        Empty where there are none.
    state : State
        Agrees, differs or shown.
    verdict, why : str
    """

    quantity: str
    name: str
    ours: Shown
    theirs: Shown
    digits: str
    required: str
    state: State
    verdict: str
    why: str


@dataclass(frozen=True)
class Section:
    """Rows of one source; the source is empty where the whole table has but one."""

    source: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Group:
    """The numbers of one engine at one theta, within a tier.

    Attributes
    ----------
    title, at : str
        The source or the engine; the theta, empty where none plays a part.
    heads : tuple of str
        What stands in the two columns of numbers.
    recorded : bool
    sections : tuple of Section
    note : str
        A remark on all of its numbers.
    summary : str
        How many agree, and the fewest digits.
    opened : bool
        Whether the table is shown unfolded.
    with_digits, with_required : bool
        Whether these columns hold anything.
    """

    title: str
    at: str
    heads: tuple[str, str]
    recorded: bool
    sections: tuple[Section, ...]
    note: str
    summary: str
    opened: bool
    with_digits: bool
    with_required: bool


@dataclass(frozen=True)
class Tier:
    """The tables of one tier."""

    name: str
    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Fit:
    """Our own fit at its optimum."""

    scalars: tuple[tuple[str, Shown], ...]
    fixed: tuple[tuple[str, Shown, Shown, Shown], ...]
    random: tuple[tuple[str, str, Shown, Shown, Shown], ...]
    theta: tuple[tuple[str, Shown], ...]
    recipe: str
    remarks: tuple[str, ...]


def tiers_of(results: CaseResults, known_reasons: frozenset[str]) -> list[Tier]:
    """Arrange a case's numbers.

    Parameters
    ----------
    results : CaseResults
        The case.
    known_reasons : frozenset of str
        Reasons that stand in the table of tolerances and are not repeated at each number that
        agrees.

    Returns
    -------
    list of Tier
        In the order of `TIERS`; a tier without numbers is left out.
    """
    tiers = []
    for name in TIERS:
        by_key: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for number in results.comparison["numbers"]:
            if number["tier"] == name:
                key = (number["engine"], number.get("at") or "")
                by_key.setdefault(key, []).append(number)
        groups = tuple(
            _group(key, numbers, is_recorded(results.comparison, key[0]), known_reasons)
            for key, numbers in by_key.items()
        )
        if groups:
            tiers.append(Tier(name, TIER_TITLES[name], groups))
    return tiers


def _group(
    key: tuple[str, str],
    numbers: Sequence[Mapping[str, Any]],
    recorded: bool,
    known_reasons: frozenset[str],
) -> Group:
    engine, at = key
    tier = numbers[0]["tier"]
    judged = [n for n in numbers if n.get("ok") is not None]
    agree = sum(n["ok"] is True for n in judged)
    digits = [n["digits"] for n in judged if n.get("digits") is not None]
    parts = [f"{len(numbers)} number{'s' if len(numbers) != 1 else ''}"]
    if judged:
        parts.append(f"{agree} of {len(judged)} agree")
    if digits and tier != "printed":
        parts.append(f"fewest digits {min(digits):.1f}")
    remarks = [_remark(number, known_reasons) for number in numbers]
    note = remarks[0] if len(set(remarks)) == 1 else ""
    by_source: dict[str, list[Row]] = {}
    for number, remark in zip(numbers, remarks, strict=True):
        rows = by_source.setdefault(number.get("source") or "", [])
        rows.append(_row(number, "" if note else remark))
    one = len(by_source) == 1
    return Group(
        title=(next(iter(by_source)) if one and tier != "printed" else "") or engine_title(engine),
        at=label_title(at),
        heads=_HEADS.get(tier, ("ours", "theirs"))
        if tier != "printed"
        else (
            engine_title(engine),
            "printed",
        ),
        recorded=recorded,
        sections=tuple(
            Section("" if one and tier != "printed" else source, tuple(rows))
            for source, rows in by_source.items()
        ),
        note=note,
        summary=", ".join(parts),
        opened=agree < len(judged) or (tier != "identities" and len(numbers) <= _OPEN_ROWS),
        with_digits=bool(digits) or any(n.get("digits") is not None for n in numbers),
        with_required=any(n.get("required") is not None for n in numbers),
    )


def _remark(number: Mapping[str, Any], known_reasons: frozenset[str]) -> str:
    """What the table of tolerances does not say already of a number."""
    lower = _which_is_lower(number)
    return (
        f"{lower}. {_beyond(number, known_reasons)}".strip()
        if lower
        else (_beyond(number, known_reasons))
    )


def _which_is_lower(number: Mapping[str, Any]) -> str:
    ours, theirs = number.get("ours"), number.get("theirs")
    if (number["tier"], number["quantity"]) != ("own-optimum", "deviance") or not (
        isinstance(ours, int | float) and isinstance(theirs, int | float)
    ):
        return ""
    if ours == theirs:
        return "The two are equal"
    return f"Ours is {'lower' if ours < theirs else 'higher'} by {abs(ours - theirs):.1e}"


def _beyond(number: Mapping[str, Any], known_reasons: frozenset[str]) -> str:
    why = " ".join((number.get("why") or "").split())
    if number.get("ok") is False:
        return why
    told = (reason for reason in known_reasons if why.endswith(reason))
    return why.removesuffix(max(told, key=len, default="")).rstrip()


def quantity_title(name: str) -> str:
    """Name a quantity for a reader."""
    return QUANTITIES.get(name, name.replace("_", " "))


def label_title(label: str) -> str:
    """Put the label of a theta into words."""
    if label in _THETAS:
        return _THETAS[label]
    engine, dash, optimum = label.rpartition("-")
    if dash and optimum == "optimum":
        return f"the optimum of {engine_title(engine)}"
    return label.replace("-", " ").replace("_", " ")


def _row(number: Mapping[str, Any], why: str) -> Row:
    ok, digits, required = number.get("ok"), number.get("digits"), number.get("required")
    ours, theirs = number.get("ours"), number.get("theirs")
    if isinstance(theirs, str) and _is_decimal(theirs):
        shown = printed_pair(ours, theirs, ok is not False)
    else:
        shown = pair(ours, theirs, digits)
    return Row(
        quantity=quantity_title(number["quantity"]),
        name=number.get("name") or "",
        ours=shown[0],
        theirs=shown[1],
        digits="" if digits is None else f"{digits:.1f}",
        required="" if required is None else f"{required:g}",
        state=STATES["shown" if ok is None else "agrees" if ok else "differs"],
        verdict=number.get("verdict") or "",
        why=why,
    )


def _is_decimal(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
