"""Files carry what they were made from and with: nothing else, and nothing less."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from wemix_ref.errors import DataError
from wemix_ref.fingerprint import sources_of
from wemix_ref.simulate.storage import COLUMNS, hash_of_rows, write_rows
from wemix_ref.stamps import (
    CODE,
    COLUMN,
    MOST,
    SIDECAR,
    Stamp,
    Stamper,
    read_stamp,
    software_here,
    stamped,
    stamped_json,
    write_stamped,
)

TEXTS = {
    "t.csv": 'a,b\n1,"x, ""y""\nz"\n2,\n',
    "t.html": "<html><head>\n<title>A</title></head><body><main>\n</main></body></html>\n",
    "t.md": "# A\n",
    "t.svg": '<svg xmlns="http://www.w3.org/2000/svg"><desc>a</desc></svg>\n',
    "t.tex": "\\begin{tabular}{l}\n\\end{tabular}\n",
}
# what would end a comment, a tag or an attribute
NASTY = "a--><!--&<b>'\"{}\\.yaml"


@pytest.fixture
def inputs(tmp_path):
    place = tmp_path / "project" / "config"
    place.mkdir(parents=True)
    for name in ("one.yaml", NASTY):
        (place / name).write_text(name)
    return sorted(place.iterdir())


@pytest.fixture
def stamper(tmp_path):
    return Stamper("tables", ((tmp_path / "project", ""),))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_carries_its_stamp_and_gives_it_back(tmp_path, inputs, stamper, name):
    path = tmp_path / name
    stamp = stamper(path, inputs)
    write_stamped(path, TEXTS[name], stamp)
    assert read_stamp(path) == stamp
    expected = {
        f"config/{one.name}": hashlib.sha256(one.read_bytes()).hexdigest() for one in inputs
    }
    assert stamp.inputs == expected
    always = {"wemix_ref", "code", "Python", "numpy", "scipy", "pandas", "numba"}
    assert set(stamp.software) == always
    before = path.read_bytes()
    write_stamped(path, TEXTS[name], stamper(path, reversed(inputs)))
    assert path.read_bytes() == before
    inputs[0].write_text("changed")
    assert read_stamp(path) == stamp
    write_stamped(path, TEXTS[name], stamper(path, inputs))
    assert read_stamp(path) != stamp
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", TEXTS)
def test_without_a_stamp_a_text_is_as_it_was_and_has_none(tmp_path, name):
    write_stamped(tmp_path / name, TEXTS[name], None)
    assert (tmp_path / name).read_text() == TEXTS[name]
    with pytest.raises(DataError, match="must carry a stamp"):
        read_stamp(tmp_path / name)


def test_records_and_tables_of_replicates_carry_it_too(tmp_path, inputs, stamper):
    stamp = stamper(tmp_path / "t.json", inputs)
    (tmp_path / "t.json").write_text(json.dumps(stamped_json({"schema": "x"}, stamp)))
    assert read_stamp(tmp_path / "t.json") == stamp
    rows = pd.DataFrame({name: [] for name in COLUMNS})
    write_rows(tmp_path / "t.parquet", rows, {"stamp": stamp.as_dict()})
    assert read_stamp(tmp_path / "t.parquet") == stamp
    for name in ("t.json", "t.parquet"):
        (tmp_path / name).write_text("{}")
        with pytest.raises((DataError, OSError)):
            read_stamp(tmp_path / name)


def test_a_table_is_read_as_before_with_one_column_more(tmp_path, inputs, stamper):
    path = tmp_path / "t.csv"
    stamp = stamper(path, inputs)
    write_stamped(path, TEXTS["t.csv"], stamp)
    table = pd.read_csv(path)
    assert list(table.columns) == ["a", "b", COLUMN]
    assert set(table[COLUMN]) == {stamp.digest}
    plain = pd.read_csv(io.StringIO(TEXTS["t.csv"]))
    pd.testing.assert_frame_equal(table.drop(columns=COLUMN), plain)
    assert json.loads((tmp_path / f"t.csv{SIDECAR}").read_text())["digest"] == stamp.digest
    # rows under the stamp of another table
    path.write_text(path.read_text().replace(stamp.digest, "wemix-ref:0"))
    with pytest.raises(DataError, match="must carry the stamp beside it"):
        read_stamp(path)
    path.write_text(TEXTS["t.csv"])
    with pytest.raises(DataError, match="found no column"):
        read_stamp(path)


def test_a_carriage_return_in_a_cell_ends_no_row(tmp_path, inputs, stamper):
    path = tmp_path / "t.csv"
    text = 'a,b\nx\ry,2\n"z\r\nz",3\n'  # the first as csv writes it where lines end by a line feed
    write_stamped(path, text, stamper(path, inputs))
    assert pd.read_csv(path)[["a", "b"]].to_numpy().tolist() == [["x\ry", 2], ["z\r\nz", 3]]


def test_a_table_without_rows_keeps_its_head(tmp_path, inputs, stamper):
    write_stamped(tmp_path / "t.csv", "a,b\n", stamper(tmp_path / "t.csv", inputs))
    assert (tmp_path / "t.csv").read_text() == "a,b,stamp\n"
    assert len(read_stamp(tmp_path / "t.csv").inputs) == 2


def test_pages_and_figures_stay_well_formed(inputs, stamper):
    stamp = stamper(Path("t"), inputs)
    root = ET.fromstring(stamped("t.svg", TEXTS["t.svg"], stamp))
    told = next(iter(root.iter("{http://purl.org/dc/terms/}provenance"))).text
    assert json.loads(told.partition(" ")[2]) == stamp.as_dict()

    class Page(HTMLParser):
        meta: str | None = None
        text = ""

        def handle_starttag(self, tag, attributes):
            if tag == "meta":
                self.meta = dict(attributes)["content"]
            assert tag in ("html", "head", "meta", "title", "body", "main", "p")

        def handle_data(self, data):
            self.text += data

    page = Page()
    page.feed(stamped("t.html", TEXTS["t.html"], stamp))
    assert json.loads(page.meta) == stamp.as_dict()
    assert stamp.digest in page.text
    assert NASTY in page.text
    comment = stamped("t.md", TEXTS["t.md"], stamp)
    assert comment.count("-->") == 1
    assert "\n" not in stamped("t.tex", "", stamp).rstrip("\n")


def test_many_inputs_are_the_hash_of_their_list(tmp_path, stamper):
    place = tmp_path / "project"
    place.mkdir()
    for number in range(MOST + 1):
        (place / f"{number:02d}").write_text(str(number))
    stamp = stamper(Path("t"), place.iterdir())
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(place.iterdir())
    )
    whole = hashlib.sha256(lines.encode()).hexdigest()
    assert stamp.inputs == {f"{MOST + 1} files, listed in provenance.json": whole}
    (place / "00").unlink()
    assert len(stamper(Path("t"), place.iterdir()).inputs) == MOST


def test_a_stamp_holds_no_place_no_time_and_no_number_of_threads(tmp_path, monkeypatch, stamper):
    outside = tmp_path / "elsewhere" / "data.csv"
    outside.parent.mkdir()
    outside.write_text("a")
    stamp = stamper(tmp_path / "t.md", [outside])
    assert list(stamp.inputs) == ["data.csv"]
    assert str(tmp_path) not in stamp.text
    os.utime(outside, (1, 1))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    assert stamper(tmp_path / "t.md", [outside]) == stamp


def test_inputs_must_be_there_under_names_of_their_own(tmp_path, stamper):
    with pytest.raises(DataError, match="an input must be a file"):
        stamper(Path("t"), [tmp_path / "nowhere"])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    with pytest.raises(DataError, match="two are x"):
        stamper(Path("t"), [tmp_path / "a" / "x", tmp_path / "b" / "x"])


def test_files_made_again_keep_the_versions_that_are_stated(tmp_path, inputs):
    results, again = tmp_path / "project" / "results", tmp_path / "again"
    roots = ((again, "results/"), (tmp_path / "project", ""))
    stated = {**software_here("tables"), "pandas": "0.1"}
    results.mkdir()
    write_stamped(results / "t.md", "# A\n", Stamp({}, stated))
    assert Stamper("tables", roots, results)(again / "t.md", inputs).software == stated
    assert Stamper("tables", roots, results)(again / "u.md", inputs).software["pandas"] != "0.1"
    assert Stamper("tables", roots)(again / "t.md", inputs).software["pandas"] != "0.1"


def test_rows_have_the_same_hash_however_they_were_stored():
    rows = pd.DataFrame({name: [None, None] for name in COLUMNS})
    rows[["estimate", "se", "target", "deviance"]] = [[1.0, 2.0, 3.0, 4.0]] * 2
    base = hash_of_rows(rows)
    assert hash_of_rows(rows.copy()) == base
    rows.loc[1, "se"] = 2.0 * (1 + 2**-52)
    assert hash_of_rows(rows) != base


def test_every_rule_names_modules_that_are_there():
    for rule in CODE:
        assert len(software_here(rule)["code"]) == 16


def test_to_carry_a_stamp_is_not_to_depend_on_the_estimator():
    names = {path.name for path in sources_of("stamps")}
    assert "fingerprint.py" in names
    assert not names & {"deviance.py", "fit.py", "design.py"}


def test_a_csv_is_written_as_the_csv_module_writes_it(inputs, stamper):
    text = stamped("t.csv", TEXTS["t.csv"], stamper(Path("t.csv"), inputs))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[:-1] for row in rows] == list(csv.reader(io.StringIO(TEXTS["t.csv"], newline="")))
