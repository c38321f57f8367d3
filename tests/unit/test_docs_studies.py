"""The pages on studies: their YAML runs, their tables are those of the schema and the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from wemix_ref.performance import FIT_MEASURES, MEASURES, PAIRED_MEASURES
from wemix_ref.simulate.analyses import USES
from wemix_ref.simulate.audit import AUDIT_COLUMNS
from wemix_ref.simulate.distributions import COVARIATES, STANDARDISED, Distribution
from wemix_ref.simulate.reader import FUNCTIONS
from wemix_ref.simulate.replicates import run_replicates
from wemix_ref.simulate.sampling_spec import METHODS
from wemix_ref.simulate.scope import RESERVED
from wemix_ref.simulate.storage import COLUMNS
from wemix_ref.simulate.study import load_studies, load_study

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "studies.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "example-study.yaml"
SCHEMA = yaml.safe_load((ROOT / "workflow" / "schemas" / "study.schema.yaml").read_text())
CONFIG = ROOT / "config" / "README.md"

_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = _YAML.findall(TEXT)


def tables(text: str, head: str) -> list[list[list[str]]]:
    """Rows of each table whose first column has this heading."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|-"):
            found[-1].append(cells)
        elif not inside and cells[0] == head:
            inside = True
            found.append([])
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def first_codes(rows: list[list[str]]) -> list[str]:
    return [code for row in rows for code in codes(row[0])]


def schema_keys(schema: dict[str, Any], before: str = "") -> Iterator[str]:
    """All keys of a schema, `*` for names that the writer of a file chooses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for name, own in schema.get("properties", {}).items():
        yield f"{before}{name}"
        yield from schema_keys(own, f"{before}{name}.")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schema_keys(schema["additionalProperties"], f"{before}*.")
    for option in schema.get("oneOf", []):
        yield from schema_keys(option, before)


def test_keys_are_found_at_any_depth() -> None:
    keys = set(schema_keys(SCHEMA))
    assert {"generator.R", "population.levels.*.size.distribution", "small.audit"} <= keys
    assert {"population.covariates.*.level", "analyses.*.se", "noise.*.cv"} <= keys


def test_the_tables_have_every_key_of_the_schema_and_no_other() -> None:
    documented = [
        re.sub(r"\b[A-Z]{2,}\b", "*", key)
        for rows in tables(TEXT, "key")
        for key in first_codes(rows)
    ]
    assert set(documented) == set(schema_keys(SCHEMA))


def test_the_configuration_names_every_key_at_the_top() -> None:
    rows = next(
        rows
        for rows in tables(CONFIG.read_text(encoding="utf-8"), "key")
        if "replicates" in first_codes(rows)
    )
    assert set(first_codes(rows)) == set(SCHEMA["properties"])
    marked = {code for row in rows if "needed" in row[1] for code in codes(row[0])}
    assert marked == set(SCHEMA["required"])


def options_of(cell: str) -> dict[str, float | None]:
    """Options as a cell names them: `sd` (1) is one with its default."""
    found = re.findall(r"`(\w+)`(?: \(([\d.]+)\))?", cell)
    return {name: float(default) if default else None for name, default in found}


@pytest.mark.parametrize(
    ("place", "code"), [(0, COVARIATES), (1, STANDARDISED)], ids=["covariates", "effects"]
)
def test_the_tables_have_every_distribution_with_its_options(
    place: int, code: dict[str, Distribution]
) -> None:
    rows = tables(TEXT, "distribution")[place]
    documented = {codes(row[0])[0]: options_of(row[1]) for row in rows}
    assert documented == {name: dict(one.options) for name, one in code.items()}


def test_the_table_of_methods_is_that_of_the_code() -> None:
    (rows,) = tables(TEXT, "method")
    said = {"no": "refused", "may be": "allowed", "must be": "needed"}
    documented = {codes(row[0])[0]: (said[row[2]], row[3]) for row in rows}
    assert documented == {name: (one.measure, one.source) for name, one in METHODS.items()}


def test_the_table_of_weights_is_that_of_the_code() -> None:
    (rows,) = tables(TEXT, "`weights`")
    named = [codes(row[0])[0] for row in rows if not row[0].startswith("a list")]
    assert sorted(named) == sorted(USES)


def test_recipes_and_scalings_are_those_of_the_schema() -> None:
    rows = {codes(row[0])[0]: row[1] for table in tables(TEXT, "key") for row in table}
    own = SCHEMA["properties"]["analyses"]["additionalProperties"]["properties"]
    assert codes(rows["analyses.NAME.se"])[:6] == SCHEMA["$defs"]["recipe"]["enum"]
    assert codes(rows["analyses.NAME.scale"]) == own["scale"]["oneOf"][0]["enum"]
    assert codes(rows["analyses.NAME.engine"]) == own["engine"]["oneOf"][0]["enum"]
    engines = SCHEMA["properties"]["audit"]["properties"]["engines"]["items"]["enum"]
    assert codes(rows["audit.engines"]) == engines


def test_every_function_of_expressions_is_named() -> None:
    (rows,) = tables(TEXT, "what")
    cells = " ".join(row[1] for row in rows)
    named = {re.match(r"\w+", code)[0] for code in codes(cells) if re.match(r"[a-z]", code)}  # type: ignore[index]
    words = {"and", "or", "not", "informative"}
    assert named - words == {*FUNCTIONS, *RESERVED}


def test_the_columns_of_replicates_are_all_there() -> None:
    rows = [row for table in tables(TEXT, "column") for row in table]
    assert first_codes(rows) == list(COLUMNS)


def test_the_columns_of_the_audit_are_all_there() -> None:
    (rows,) = tables(TEXT, "column of the audit")
    assert first_codes(rows) == list(AUDIT_COLUMNS)


def test_what_is_left_out_is_as_the_page_says(tmp_path: Path) -> None:
    rows = {key: row[1] for table in tables(TEXT, "key") for row in table for key in codes(row[0])}
    bare = yaml.safe_load(BLOCKS[0])
    for key in ("chunk", "interval", "audit", "small", "compare_with"):
        del bare[key]
    path = tmp_path / "bare.yaml"
    path.write_text(yaml.safe_dump(bare, sort_keys=False))
    study = load_study(path)
    assert f"; {study.chunk} where it is left out" in rows["chunk"]
    assert rows["interval.level"].endswith(f"; {study.interval.level}")
    assert f"`{study.interval.distribution}` (so where left out)" in rows["interval.distribution"]
    assert rows["target.kind"].startswith(f"`{study.scenarios[0].target.kind}`")
    assert study.audit.engines == tuple(codes(rows["audit.engines"]))
    assert (study.audit.replicates, study.finite, study.compare_with) == (0, False, None)
    path.write_text(yaml.safe_dump({**bare, "analyses": {"plain": {}}}, sort_keys=False))
    (plain,) = load_study(path).scenarios[0].analyses
    assert (plain.fit.engine, plain.fit.weights) == ("python", "none")
    assert "`python` (this package, where left out)" in rows["analyses.NAME.engine"]
    assert "`none` where left out" in rows["analyses.NAME.weights"]


def test_the_first_block_is_the_example() -> None:
    assert BLOCKS[0] == EXAMPLE.read_text(encoding="utf-8")
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_is_a_study_that_runs(number: int, tmp_path: Path) -> None:
    """A block that is no whole study replaces keys of the example."""
    content = {**yaml.safe_load(BLOCKS[0]), **yaml.safe_load(BLOCKS[number])}
    path = tmp_path / "block.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    study = load_study(path)
    assert "small" in content
    assert load_study(path, small=True).replicates == content["small"]["replicates"]
    for scenario in study.scenarios:
        rows = run_replicates(study, scenario, [0])
        assert set(rows["status"]) == {"ok"}, rows["message"].tolist()
        assert set(rows["analysis"]) == {analysis.name for analysis in scenario.analyses}
        own = rows[rows["analysis"] == scenario.analyses[-1].name]
        assert own["target"].notna().all() or "sd: " in BLOCKS[number]


def test_the_study_of_the_readme_runs(tmp_path: Path) -> None:
    (block,) = _YAML.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    path = tmp_path / "first.yaml"
    path.write_text(block)
    study = load_study(path)
    (scenario,) = study.scenarios
    rows = run_replicates(study, scenario, [0, 1])
    assert set(rows["status"]) == {"ok"}
    assert set(rows["analysis"]) == {"unweighted", "weighted-none", "weighted-size"}
    assert rows["target"].notna().all()


def test_shipped_studies_are_listed() -> None:
    (rows,) = tables(TEXT, "study")
    assert sorted(first_codes(rows)) == sorted(
        name for name, study in load_studies().items() if not study.small
    )


def test_the_page_on_measures_has_them_all() -> None:
    text = (ROOT / "docs" / "performance-measures.md").read_text(encoding="utf-8")
    named = [code for rows in tables(text, "measure") for code in first_codes(rows)]
    assert sorted(named) == sorted((*MEASURES, *FIT_MEASURES, *PAIRED_MEASURES))
