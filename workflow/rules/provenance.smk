# What is there when a verdict fails is told too, hence no verdict is asked for.
rule provenance:
    input:
        "results/report/index.html",
        "results/tables/numbers.csv",
        "results/tables/verdicts.csv",
        "results/tables/printed.csv",
        "results/tables/divergences.csv",
        results_of(SMALL_STUDIES),
    output:
        "results/provenance.json",
    log:
        "results/logs/provenance.log",
    conda:
        "../../environment.yml"
    params:
        cases=True,
        studies=SMALL_STUDIES,
        made_with=lambda w: made_with_here(Path.cwd()),
        code=code_of("provenance"),
    message:
        "Write down what the run was made with"
    script:
        "../scripts/provenance.py"


rule studies_provenance:
    input:
        results_of(WHOLE_STUDIES),
    output:
        "results/studies/provenance.json",
    log:
        "results/logs/studies_provenance.log",
    conda:
        "../../environment.yml"
    params:
        cases=False,
        studies=WHOLE_STUDIES,
        made_with=lambda w: made_with_here(Path.cwd()),
        code=code_of("provenance"),
    message:
        "Write down what the studies were made with"
    script:
        "../scripts/provenance.py"
