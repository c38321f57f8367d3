"""Strategies of hypothesis that draw designs: levels, groups, slopes, factors, ids, weights."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from wemix_ref.reliability.designs import (
    FACTORS,
    FORMS,
    KINDS,
    WEIGHTS,
    Shape,
    Wide,
    design_of,
)

__all__ = ["designs", "shapes"]


@st.composite
def shapes(
    draw: st.DrawFn,
    *,
    weighted: bool | None = None,
    whole: bool = False,
    levels: tuple[int, ...] = (1, 2, 3, 4),
    covariates: tuple[int, ...] = (0, 1, 2),
    one_form: bool = False,
) -> Shape:
    """Draw what is chosen of a design.

    Parameters
    ----------
    weighted : whether it has weights; None for either.
    whole : whether conditional weights are whole numbers.
    levels : numbers of levels of groups. covariates : numbers of covariates.
    one_form : whether all levels have one random part, and ids differ everywhere.
    """
    groups = draw(st.sampled_from(levels))
    count = draw(st.sampled_from(covariates))
    factor = draw(st.sampled_from(FACTORS))
    possible = [
        form
        for form in FORMS
        if form == "1" or ((factor != "none" if form == "f" else count) and groups < 4)
    ]
    form = draw(st.sampled_from(possible))
    forms = [form if one_form and form != "f" else "1"] * groups
    if not one_form:
        forms[draw(st.integers(0, groups - 1))] = form
    kinds = KINDS[:-1] if one_form else KINDS
    if weighted is None:
        weighted = draw(st.booleans())
    of_weights = WEIGHTS[:2] if whole else WEIGHTS
    weights = [draw(st.sampled_from(of_weights)) for _ in range(groups + 1)] if weighted else []
    return Shape(
        number=draw(st.integers(0, 10**6)),
        tops=draw(st.integers(6, 12) if groups == 1 else st.integers(4, 8 - groups)),
        most=6 if groups == 1 else 5 - groups if groups < 4 else 2,
        singletons=draw(st.booleans()),
        covariates=count,
        upper=draw(st.booleans()),
        factor=factor,
        forms=tuple(forms),
        kinds=tuple(draw(st.sampled_from(kinds)) for _ in range(groups)),
        weights=tuple(weights),
        conditional=weighted and draw(st.booleans()),
        scale=1.0 if whole else draw(st.sampled_from([1.0, 1e-5, 0.37, 1000.0])),
        unit=draw(st.sampled_from([1e-3, 1.0, 1e3])),
        at=draw(st.sampled_from([0.0, 10.0, -100.0])),
    )


#: What a statement needs of a design, so that few that are drawn are thrown away.
NEEDS: dict[str, dict[str, object]] = {
    "rename": {"levels": (1, 2, 3), "covariates": (0, 1)},
    "respell": {"levels": (2, 3), "one_form": True},
    "colons": {"levels": (2, 3, 4), "one_form": True},
    "rescale-weights": {"weighted": True},
    "conditional": {"weighted": True},
    "replicate": {"weighted": True, "whole": True},
    "scaling": {"weighted": True},
    "recombine": {"covariates": (1, 2)},
    "centring": {"covariates": (1, 2)},
}


def designs(name: str, applies: Callable[[str, Wide], bool]) -> st.SearchStrategy[Wide]:
    """Return designs of which a statement says something."""
    needs = NEEDS.get(name, {})
    return shapes(**needs).map(design_of).filter(lambda model: applies(name, model))  # type: ignore[arg-type]
