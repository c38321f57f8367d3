"""Whether a study stands: every analysis has fits, R agrees with them, printed medians are met."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from wemix_ref.simulate.published import PrintedMedian, beside_published
from wemix_ref.simulate.study import Study

__all__ = ["judge"]


def judge(
    study: Study, audit: pd.DataFrame, performance: pd.DataFrame, resources: Path
) -> tuple[str, list[str]]:
    """Judge a study.

    Parameters
    ----------
    study : the study.
    audit, performance : its tables.
    resources : directory of ``published/``.

    Returns
    -------
    str
        What was held against what, a line each.
    list of str
        What does not agree, a line each; empty when the study stands.
    """
    dead = performance[(performance["measure"] == "failure_rate") & (performance["estimate"] >= 1)]
    printed = study.content.get("published")
    without = set(zip(dead["scenario"], dead["analysis"], strict=True))
    # there is no median of an analysis without fits
    if printed and not without & {(printed["scenario"], name) for name in printed["analyses"]}:
        medians = beside_published(printed, performance, Path(resources) / "published")
    else:
        medians = []
    # the column is read from CSV: True, False or nothing
    verdicts = audit["ok"].map({True: True, False: False, "True": True, "False": False})
    lines = [
        f"{study.name}: {study.replicates} replicates in each of {len(study.settings)} scenarios"
    ]
    for engine, part in verdicts.groupby(audit["engine"], sort=True):
        agree, differ = int((part == True).sum()), int((part == False).sum())  # noqa: E712
        told = f"{agree} numbers agree, {differ} do not" if agree + differ else "nothing compared"
        lines.append(f"  {engine}: {told}")
    met = [median for median in medians if median.agrees]
    if medians:
        held = [median for median in medians if median.agrees is not None]
        lines.append(f"  printed medians: {len(met)} of {len(held)} within Monte Carlo error")
    faults = [_of_fits(study, row) for _, row in dead.iterrows()]
    faults += [_of_audit(study, row) for _, row in audit[verdicts == False].iterrows()]  # noqa: E712
    faults += [_of_median(study, median) for median in medians if median.agrees is False]
    return "".join(f"{line}\n" for line in lines), faults


def _of_fits(study: Study, row: pd.Series) -> str:
    return (
        f"{study.name}, {row['scenario']}, {row['analysis']}: some fits must succeed; all "
        f"{row['n']:.0f} failed. The column `message` of replicates/{row['scenario']}.parquet "
        "says why"
    )


def _of_audit(study: Study, row: pd.Series) -> str:
    what = " ".join(str(row[key]) for key in ("tier", "quantity", "name") if pd.notna(row[key]))
    why = f" ({row['message']})" if pd.notna(row["message"]) and row["message"] else ""
    return (
        f"{study.name}, {row['scenario']}, replicate {row['replicate']}, {row['analysis']}, "
        f"{row['engine']}: {what}: ours {row['ours']}, theirs {row['theirs']}{why}"
    )


def _of_median(study: Study, median: PrintedMedian) -> str:
    return (
        f"{study.name}: {median.row}, {median.column}: printed {median.printed}, ours "
        f"{median.ours:.2f}, {abs(median.z or 0.0):.1f} standard errors apart"
    )
