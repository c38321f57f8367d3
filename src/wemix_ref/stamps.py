"""Stamps: what a table, figure or page was made from and with, carried by the file itself.

A stamp has the SHA-256 of every input and the versions of what made the file. It tells neither when
nor where, nor by how many threads, so the same inputs and versions give the same bytes. Where it
stands depends on the kind of file:

* HTML: ``<meta name="wemix-ref:stamp">`` and a visible line at the end of the page;
* SVG: ``<metadata>`` (RDF, Dublin Core); LaTeX: a comment at the end; Markdown: an HTML comment;
* JSON: the key ``stamp``; parquet: the key ``stamp`` of the metadata ``wemix-ref``;
* CSV: a last column ``stamp`` with the stamp's digest in every row, and the whole stamp beside the
  table, ``TABLE.csv.stamp.json``. A comment line would break readers of CSV, and a file beside it
  is soon lost: the digest stays with a table, or with some rows of it, that is copied out alone.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wemix_ref.errors import DataError
from wemix_ref.files import write_text
from wemix_ref.fingerprint import fingerprint
from wemix_ref.installed import loops_version, r_versions

__all__ = [
    "CODE",
    "COLUMN",
    "SCHEMA",
    "SIDECAR",
    "Stamp",
    "Stamper",
    "read_stamp",
    "software_here",
    "stamped",
    "stamped_json",
    "write_stamped",
]

SCHEMA = "wemix-ref/stamp/1"
COLUMN = "stamp"
SIDECAR = ".stamp.json"
#: More inputs than that are one hash of their list.
MOST = 16
#: Modules that the files of a step depend on, by the workflow's rule.
CODE: Mapping[str, tuple[str, ...]] = {
    "audit": ("simulate.audit_study",),
    "bench": ("bench.table", "report.bench_view"),
    "compare": ("compare_files", "prepare"),
    "divergence": ("divergences.pages", "divergences.demonstrate"),
    "divergences": ("divergences.table",),
    "printed": ("published.records", "published.table"),
    "report": ("report",),
    "studies_index": ("report.studies.files",),
    "study_report": ("report.studies.files",),
    "summarise": ("simulate.summarise",),
    "tables": ("overview",),
}
#: Stands for a carriage return while rows are read; of Unicode's private use.
_RETURN = "\ue00d"
_LIBRARIES = ("numpy", "scipy", "pandas")
#: Rules whose files have pictures, and those that ask R; others have R's answers from records,
#: which name what they were made with.
_DRAWN, _BY_R = ("bench", "report", "study_report"), ("audit", "divergence", "printed")
_NAME = "wemix-ref:stamp"
_RDF = (
    '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description rdf:about="">'
    "<dc:identifier>{digest}</dc:identifier><dc:provenance>" + _NAME + " {text}</dc:provenance>"
    "</rdf:Description></rdf:RDF></metadata>"
)
# dc:provenance is of the terms, not of the elements
_RDF = _RDF.replace("dc/elements/1.1", "dc/terms")
_TOLD = re.compile(re.escape(_NAME) + r'(?:" content=")?\s*(\{[^<>\n]*\})')


@dataclass(frozen=True)
class Stamp:
    """What a file was made from and with.

    Attributes
    ----------
    inputs : SHA-256 of each input by its name from the project's root. More than `MOST` inputs are
        one entry: the SHA-256 of their list as ``sha256sum`` prints it, sorted by name; the list
        itself is in the run's ``provenance.json``.
    software : versions of this package, Python and libraries; ``code``, a hash of the sources that
        the file depends on; ``numba``, "none" where NumPy runs the loops; matplotlib's where there
        are pictures; R's and its packages' where R is asked, if it is here.
    """

    inputs: Mapping[str, str]
    software: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        inputs, software = (dict(sorted(one.items())) for one in (self.inputs, self.software))
        return {"schema": SCHEMA, "inputs": inputs, "software": software}

    @property
    def text(self) -> str:
        """JSON on one line that neither ends nor opens a comment or a tag."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        for character in "<>&":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text.replace("--", "-\\u002d")

    @property
    def digest(self) -> str:
        """What names the stamp: 16 digits of the SHA-256 of its text, with a prefix."""
        return f"wemix-ref:{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"

    @property
    def line(self) -> str:
        """The stamp for a reader."""
        told = self.as_dict()
        software = ", ".join(f"{name} {value}" for name, value in told["software"].items())
        inputs = ", ".join(f"{name} (SHA-256 {value})" for name, value in told["inputs"].items())
        return f"Stamp {self.digest}. Made with {software}; from {inputs}."


def software_here(rule: str) -> dict[str, str]:
    """Return what makes a rule's files here: versions, and the hash of the sources; see `Stamp`."""
    # by name: a stamp does not make a file depend on the sources of the whole package
    own = import_module("wemix_ref").__version__
    found = {"wemix_ref": own, "code": fingerprint(*CODE[rule])}
    found["Python"] = platform.python_version()
    found |= {name: version(name) for name in _LIBRARIES}
    found["numba"] = loops_version()
    if rule in _DRAWN:
        found["matplotlib"] = version("matplotlib")
    return found | (r_versions() if rule in _BY_R else {})


@dataclass(frozen=True)
class Stamper:
    """Makes stamps within a project.

    Attributes
    ----------
    rule : a name of `CODE`.
    roots : directories, each with what its files' names begin with; the first that holds an input
        names it. An input outside is named by its file's name alone.
    stated : a directory of results: files made again keep the software that those there state, so
        that they are compared as they were made; None: what is here.
    """

    rule: str
    roots: tuple[tuple[Path, str], ...]
    stated: Path | None = None

    @classmethod
    def here(cls, rule: str) -> Stamper:
        """Return one for a rule of the project that is the working directory."""
        return cls(rule, ((Path.cwd(), ""),))

    def __call__(
        self, output: Path, inputs: Iterable[Path | str], hashes: Mapping[str, str] | None = None
    ) -> Stamp:
        """Return the stamp of a file.

        Parameters
        ----------
        output : the file.
        inputs : files that it is made from.
        hashes : of what else it is made from, by name.

        Raises
        ------
        DataError
            If an input is not there, or two have the same name.
        """
        found = dict(hashes or {})
        for path in map(Path, inputs):
            name = self.name(path)
            if not path.is_file():
                raise DataError(f"an input must be a file; there is no {path}.")
            own = hashlib.sha256(path.read_bytes()).hexdigest()
            if found.get(name, own) != own:
                raise DataError(f"inputs must have names of their own; two are {name}.")
            found[name] = own
        listed = {name: found[name] for name in sorted(found)}
        if len(listed) > MOST:
            lines = "".join(f"{value}  {name}\n" for name, value in listed.items())
            whole = hashlib.sha256(lines.encode()).hexdigest()
            listed = {f"{len(found)} files, listed in provenance.json": whole}
        return Stamp(listed, self._software(output))

    def name(self, path: Path) -> str:
        """Name a file from the project's root."""
        absolute = Path.cwd() / path
        for root, prefix in self.roots:
            if absolute.is_relative_to(root):
                return f"{prefix}{absolute.relative_to(root).as_posix()}"
        return path.name

    def _software(self, output: Path) -> Mapping[str, str]:
        if self.stated is not None:
            for root, prefix in self.roots:
                if prefix == "results/" and output.is_relative_to(root):
                    try:
                        return read_stamp(self.stated / output.relative_to(root)).software
                    except DataError:
                        break
        return software_here(self.rule)


def stamped(name: str, text: str, stamp: Stamp | None) -> str:
    """Return a file's text with its stamp.

    Parameters
    ----------
    name : of the file; its suffix is one of ``.csv``, ``.html``, ``.md``, ``.svg``, ``.tex``.
    text : without a stamp.
    stamp : None: the text stays as it is.
    """
    if stamp is None:
        return text
    kind = Path(name).suffix
    if kind == ".html":
        content = html.escape(stamp.text, quote=True)
        meta = f'<meta name="{_NAME}" content="{content}">\n'
        foot = f'<p class="note stamp">{html.escape(stamp.line)}</p>\n'
        head, found, rest = text.partition("<title>")
        return _before(f"{head}{meta if found else ''}{found}{rest}", "</main>", foot, name)
    if kind == ".svg":
        data = _RDF.format(digest=stamp.digest, text=html.escape(stamp.text, quote=False))
        return _before(text, "</svg>", data, name)
    if kind == ".tex":
        return f"{text}% {_NAME} {stamp.text}\n"
    if kind == ".md":
        return f"{text}\n<!-- {_NAME} {stamp.text} -->\n"
    if kind == ".csv":
        # lines end by a line feed; a carriage return is of a cell, which may lack its quotes
        lines = io.StringIO(text.replace("\r", _RETURN), newline="")
        rows = [[cell.replace(_RETURN, "\r") for cell in row] for row in csv.reader(lines)]
        ends = [COLUMN, *(stamp.digest for _ in rows[1:])]
        return "".join(_csv_line([*row, end]) for row, end in zip(rows, ends, strict=False))
    raise ValueError(f"a stamped text must be .csv, .html, .md, .svg or .tex; found {name}")


def _csv_line(cells: Iterable[str]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\r\n").writerow(cells)  # so that both of these are quoted
    return f"{sink.getvalue()[:-2]}\n"


def _before(text: str, mark: str, added: str, name: str) -> str:
    before, found, after = text.rpartition(mark)
    if not found:
        raise ValueError(f"{name} must have {mark} to be stamped; it has none")
    return f"{before}{added}{found}{after}"


def stamped_json(content: Mapping[str, Any], stamp: Stamp | None) -> dict[str, Any]:
    """Return a record with its stamp under the key ``stamp``."""
    return dict(content) if stamp is None else {**content, COLUMN: stamp.as_dict()}


def write_stamped(path: Path, text: str, stamp: Stamp | None) -> None:
    """Write a text with its stamp; beside a CSV the whole stamp, which comes first."""
    if stamp is not None and path.suffix == ".csv":
        told = {"file": path.name, "digest": stamp.digest, **stamp.as_dict()}
        write_text(path.with_name(path.name + SIDECAR), json.dumps(told, indent=1) + "\n")
    write_text(path, stamped(path.name, text, stamp))


def read_stamp(path: Path) -> Stamp:
    """Read the stamp that a file carries.

    Raises
    ------
    DataError
        If it carries none, or a table's rows carry another than stands beside it.
    """
    path = Path(path)
    try:
        told = _read(path)
        stamp = Stamp(dict(told["inputs"]), dict(told["software"]))
        if told["schema"] != SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}")
        rows = _rows(path) if path.suffix == ".csv" else []
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} must carry a stamp, schema {SCHEMA}; {error}") from error
    others = {row.get(COLUMN, "no column") for row in rows} - {stamp.digest}
    if others:
        raise DataError(
            f"{path}: the rows of a table must carry the stamp beside it, {stamp.digest}; found "
            f"{min(others)}."
        )
    return stamp


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def _read(path: Path) -> Any:  # noqa: ANN401
    if path.suffix == ".csv":
        return json.loads(path.with_name(path.name + SIDECAR).read_text(encoding="utf-8"))
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))[COLUMN]
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return json.loads((pq.read_schema(path).metadata or {})[b"wemix-ref"])[COLUMN]
    text = path.read_text(encoding="utf-8")
    found = _TOLD.findall(html.unescape(text) if path.suffix in (".html", ".svg") else text)
    if not found:
        raise ValueError("there is none")
    # a page begins with its stamp, other texts end with it: what stands elsewhere is content
    return json.loads(found[0] if path.suffix == ".html" else found[-1])
