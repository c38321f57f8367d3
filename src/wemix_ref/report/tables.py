"""A case's tables: every number side by side, grouped by tier, engine and theta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wemix_ref.report.data import TIERS, CaseResults
from wemix_ref.report.digits import Shown, pair, printed_pair
from wemix_ref.report.states import STATES, State, engine_title, is_recorded

__all__ = [
    "QUANTITIES",
    "TIER_TITLES",
    "Group",
    "Row",
    "Section",
    "Tier",
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
    "beta_refined": "beta, refined once",
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
        shown = printed_pair(ours, theirs, ok)
    else:
        shown = pair(ours, theirs, digits)
    return Row(
        quantity=quantity_title(number["quantity"]),
        name=number.get("name") or "",
        ours=shown[0],
        theirs=shown[1],
        digits="" if digits is None else f"{digits:.1f}",
        required="" if required is None else f"{required:g}",
        state=_state(ok, number.get("verdict") or ""),
        verdict=number.get("verdict") or "",
        why=why,
    )


def _state(ok: bool | None, verdict: str) -> State:
    if ok and "another model" in verdict:
        return STATES["other"]
    return STATES["shown" if ok is None else "agrees" if ok else "differs"]


def _is_decimal(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
