rule tables:
    input:
        comparisons=expand("results/comparisons/{case}.json", case=CASES),
    output:
        numbers=report(
            "results/tables/numbers.csv",
            caption="../report/numbers.rst",
            category="Tables",
        ),
        verdicts=report(
            "results/tables/verdicts.csv",
            caption="../report/verdicts.rst",
            category="Tables",
        ),
        stamps=[
            "results/tables/numbers.csv.stamp.json",
            "results/tables/verdicts.csv.stamp.json",
        ],
    log:
        "results/logs/tables.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("tables"),
    message:
        "Write the tables"
    script:
        "../scripts/tables.py"


rule report:
    input:
        comparisons=expand("results/comparisons/{case}.json", case=CASES),
        cases=[case.path for case in CASES.values()],
        records=[
            f"results/fits/{name}/{engine}.{kind}"
            for name, case in CASES.items()
            for engine in case.engines
            for kind in ("json", "matrices.parquet")
        ],
        printed="results/printed.json",
        divergences="results/divergences.json",
    output:
        report(
            "results/report/index.html",
            caption="../report/index.rst",
            category="Report",
        ),
    log:
        "results/logs/report.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("report"),
        cases=lambda w, input: str(Path(input.cases[0]).parent),
        studies=lambda w: "../studies/small.html" if SMALL_STUDIES else None,
        bench=bench_run(),
    message:
        "Write the report"
    script:
        "../scripts/report.py"


# The report is there by the time this rule may fail.
rule check:
    input:
        comparisons=expand("results/comparisons/{case}.json", case=CASES),
        report="results/report/index.html",
        tables="results/tables/numbers.csv",
    output:
        "results/verdict.txt",
    log:
        "results/logs/check.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("overview"),
    message:
        "Check that every number is as it must be"
    script:
        "../scripts/check.py"
