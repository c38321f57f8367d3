"""Reference answers of R at full precision -> recorded answers of the project.

A reference holds what WeMix gave with weights and what lme4 gave without them for one data file:
``formula``, ``wemix_formula``, ``weights``, ``conditional_weights``, ``center_group``,
``center_grand``, ``nobs``, ``versions``, ``wemix`` and ``lme4_unweighted_ml``. Times are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wemix_ref.engines.record import make_point
from wemix_ref.engines.recorded import SCHEMA_NAME


def recorded_answers(
    reference: Mapping[str, Any], *, data_file: str, sha256: str
) -> dict[str, dict[str, Any]]:
    """Convert one reference to two recorded answers.

    Parameters
    ----------
    reference : mapping
        The reference, as read from its JSON.
    data_file : str
        Name of the data file.
    sha256 : str
        Digest of its bytes.

    Returns
    -------
    dict
        Name to answer: ``<case>`` by WeMix, ``<case>-unweighted`` by lme4.
    """
    name = reference["case"]
    groups = _group_names(reference)
    wemix, lme4 = reference["wemix"], reference["lme4_unweighted_ml"]
    weighted_point = _point(
        wemix,
        groups,
        cov_beta=wemix["cov_beta"],
        se_recipe="wemix",
        nobs=reference["nobs"],
        variance_components=[_component(row, groups) for row in wemix["variance_components"]],
    )
    plain_point = _point(lme4, {}, se_recipe="model", nobs=reference["nobs"])
    common = {
        "schema": SCHEMA_NAME,
        "data": {"file": data_file, "sha256": sha256},
    }
    versions = {
        package: text.removeprefix("R version ") for package, text in reference["versions"].items()
    }
    without_wemix = {package: text for package, text in versions.items() if package != "WeMix"}
    return {
        name: {
            **common,
            "name": name,
            "model": _model(reference, weighted=True),
            "computed_by": {
                "software": "WeMix",
                "version": versions["WeMix"],
                "versions": versions,
                "control": "default",
                "formula_given": reference["wemix_formula"],
            },
            "point": weighted_point,
        },
        f"{name}-unweighted": {
            **common,
            "name": f"{name}-unweighted",
            "model": _model(reference, weighted=False),
            "computed_by": {
                "software": "lme4",
                "version": versions["lme4"],
                "versions": without_wemix,
                "control": "ML, bobyqa with tight tolerances",
                "formula_given": reference["formula"],
            },
            "point": plain_point,
        },
    }


def _model(reference: Mapping[str, Any], *, weighted: bool) -> dict[str, Any]:
    return {
        "formula": reference["formula"],
        "weights": list(reference["weights"]) if weighted else None,
        "conditional_weights": bool(weighted and reference["conditional_weights"]),
        "reml": False,
        "center_group": reference["center_group"] or None,
        "center_grand": reference["center_grand"] or None,
    }


def _group_names(reference: Mapping[str, Any]) -> dict[str, str]:
    """Map groups as WeMix's own formula names them to the model's, by their place in theta."""
    theirs, ours = reference["wemix"]["theta"], reference["lme4_unweighted_ml"]["theta"]
    return {
        a.split(".(Intercept)")[0]: b.split(".(Intercept)")[0]
        for a, b in zip(theirs, ours, strict=True)
        if a.endswith(".(Intercept)")
    }


def _point(
    answer: Mapping[str, Any],
    groups: Mapping[str, str],
    **others: Any,  # noqa: ANN401
) -> dict[str, Any]:
    names = []
    for name in answer["theta"]:
        group, dot, coefficient = name.partition(".")
        names.append(groups.get(group, group) + dot + coefficient)
    return make_point(
        theta_names=names,
        theta=list(answer["theta"].values()),
        deviance=-2.0 * answer["lnl"],
        beta=answer["beta"],
        sigma=answer["sigma"],
        se_beta=dict(answer["se_beta"]),
        **others,
    )


def _component(row: Mapping[str, Any], groups: Mapping[str, str]) -> dict[str, Any]:
    return {
        "group": groups.get(row["grp"], row["grp"]),
        "var1": row["var1"],
        "var2": row["var2"],
        "level": row["level"],
        "vcov": row["vcov"],
        "sdcor": None,
        "se": row["SEvcov"],
    }
