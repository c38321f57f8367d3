from os import environ

from wemix_ref.published.data import data_files
from wemix_ref.published.sources import load_published

PUBLISHED_CONFIG = Path("config/published.yaml")
PUBLISHED = load_published(PUBLISHED_CONFIG, RESOURCES)


rule printed:
    input:
        config=PUBLISHED_CONFIG,
        numbers=sorted({RESOURCES / "published" / p.file for p in PUBLISHED.values()}),
        data=data_files(PUBLISHED.values(), RESOURCES),
    output:
        table=report(
            "results/tables/printed.csv",
            caption="../report/printed.rst",
            category="Tables",
        ),
        stamp="results/tables/printed.csv.stamp.json",
        record="results/printed.json",
    log:
        "results/logs/printed.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("printed"),
        resources=lambda w, input: str(Path(input.numbers[0]).parents[1]),
        # where data are that may not be shipped: another place, or another R, judges again
        folder=lambda w: environ.get("WEMIX_REF_DATA", ""),
        backend=r_versions(),
    message:
        "Judge the printed numbers"
    script:
        "../scripts/printed.py"


# The table and the report are there by the time this rule may fail.
rule check_printed:
    input:
        record="results/printed.json",
        report="results/report/index.html",
    output:
        "results/printed.txt",
    log:
        "results/logs/check_printed.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("published.table"),
    message:
        "Check that no printed number differs"
    script:
        "../scripts/check_printed.py"
