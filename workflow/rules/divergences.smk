from wemix_ref.divergences.specs import load_divergences

DIVERGENCES_CONFIG = Path("config/divergences")
DIVERGENCES = load_divergences(DIVERGENCES_CONFIG, resources=RESOURCES)


# R is asked where it runs; the recorded answer stands beside it, and alone where it does not.
rule divergence:
    input:
        spec=DIVERGENCES_CONFIG / "{divergence}.yaml",
        script=RESOURCES / "divergences" / "{divergence}.R",
        data=lambda w: DIVERGENCES[w.divergence].data_path,
        recorded=lambda w: [
            path for path in [DIVERGENCES[w.divergence].record_path] if path.is_file()
        ],
    output:
        result="results/divergences/{divergence}.json",
        page="results/divergences/{divergence}.md",
    log:
        "results/logs/divergence/{divergence}.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("divergence"),
        backend=r_versions(),
        time_limit=config["time_limit"],
        resources=lambda w, input: str(Path(input.script).parents[1]),
    message:
        "Show the divergence {wildcards.divergence}"
    script:
        "../scripts/divergence.py"


rule divergences:
    input:
        expand("results/divergences/{divergence}.json", divergence=DIVERGENCES),
    output:
        table=report(
            "results/tables/divergences.csv",
            caption="../report/divergences.rst",
            category="Tables",
        ),
        stamp="results/tables/divergences.csv.stamp.json",
        record="results/divergences.json",
    log:
        "results/logs/divergences.log",
    conda:
        "../../environment.yml"
    params:
        code=software_here("divergences"),
    message:
        "Write the table of divergences"
    script:
        "../scripts/divergences.py"


# The table, the pages and the report are there by the time this rule may fail.
rule check_divergences:
    input:
        record="results/divergences.json",
        report="results/report/index.html",
    output:
        "results/divergences.txt",
    log:
        "results/logs/check_divergences.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("divergences.table"),
    message:
        "Check that ours is right where R goes another way"
    script:
        "../scripts/check_divergences.py"
