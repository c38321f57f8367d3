rule rebuild:
    input:
        data=RESOURCES / "data" / "{dataset}.csv",
        provenance=RESOURCES / "data" / "provenance.yaml",
    output:
        "results/rebuilt/{dataset}.json",
    log:
        "results/logs/rebuild/{dataset}.log",
    conda:
        "../../environment.yml"
    params:
        resources=lambda w, input: str(Path(input.provenance).parents[1]),
        code=code_of("rebuild"),
        backend=r_versions(),
    message:
        "Make {wildcards.dataset}.csv again from its source"
    script:
        "../scripts/rebuild.py"
