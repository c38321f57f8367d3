# A change of a study's prose redoes its report alone: jobs know the study by the fingerprint of
# their scenario.
rule replicates:
    input:
        study=lambda w: ancient(STUDIES[w.study].path),
    output:
        rows="results/studies/{study}/chunks/{scenario}/{first}-{stop}.parquet",
        timing="results/studies/{study}/timing/{scenario}/{first}-{stop}.json",
    log:
        "results/logs/replicates/{study}/{scenario}/{first}-{stop}.log",
    conda:
        "../../environment.yml"
    # no parameter: a job is not done again because the others have another size
    resources:
        chunk=lambda w: STUDIES[w.study].chunk,
    params:
        scenario=lambda w: STUDIES[w.study].scenario(w.scenario).fingerprint,
        small=lambda w: STUDIES[w.study].small,
        made_with=lambda w: made_with(w.study, w.scenario),
    message:
        "Replicates {wildcards.first} to {wildcards.stop} of {wildcards.study}, {wildcards.scenario}"
    script:
        "../scripts/replicates.py"


rule summarise:
    input:
        study=lambda w: STUDIES[w.study].path,
        chunks=lambda w: chunks_of(w.study, "chunks"),
    output:
        replicates=directory("results/studies/{study}/replicates"),
        performance="results/studies/{study}/performance.csv",
        paired="results/studies/{study}/paired.csv",
        stamps=expand(
            "results/studies/{{study}}/{table}.csv.stamp.json",
            table=("performance", "paired"),
        ),
    log:
        "results/logs/summarise/{study}.log",
    conda:
        "../../environment.yml"
    params:
        small=lambda w: STUDIES[w.study].small,
        code=software_here("summarise"),
    message:
        "Performance measures of {wildcards.study}"
    script:
        "../scripts/summarise.py"


rule audit:
    input:
        study=lambda w: ancient(STUDIES[w.study].path),
        tolerances=config["tolerances"],
    output:
        "results/studies/{study}/audits/{scenario}.csv",
        "results/studies/{study}/audits/{scenario}.csv.stamp.json",
    log:
        "results/logs/audit/{study}/{scenario}.log",
    conda:
        "../../environment.yml"
    params:
        scenario=lambda w: STUDIES[w.study].scenario(w.scenario).fingerprint,
        small=lambda w: STUDIES[w.study].small,
        audit=lambda w: repr(STUDIES[w.study].audit),
        backend=lambda w: backend_of("wemix"),
        time_limit=config["time_limit"],
        code=software_here("audit"),
    message:
        "R fits the first replicates of {wildcards.study}, {wildcards.scenario}"
    script:
        "../scripts/audit.py"


rule study_report:
    input:
        study=lambda w: STUDIES[w.study].path,
        performance="results/studies/{study}/performance.csv",
        paired="results/studies/{study}/paired.csv",
        replicates="results/studies/{study}/replicates",
        audits=lambda w: expand(
            "results/studies/{study}/audits/{scenario}.csv",
            study=w.study,
            scenario=STUDIES[w.study].settings,
        ),
    output:
        report=report(
            "results/studies/{study}/report.html",
            caption="../report/study.rst",
            category="Studies",
        ),
        audit="results/studies/{study}/audit.csv",
        stamp="results/studies/{study}/audit.csv.stamp.json",
        figures=directory("results/studies/{study}/figures"),
        tables=directory("results/studies/{study}/tables"),
    log:
        "results/logs/study_report/{study}.log",
    conda:
        "../../environment.yml"
    params:
        small=lambda w: STUDIES[w.study].small,
        resources=str(RESOURCES),
        code=software_here("study_report"),
    message:
        "Write the report of {wildcards.study}"
    script:
        "../scripts/study_report.py"


# The report is there by the time this rule may fail.
rule check_study:
    input:
        audit="results/studies/{study}/audit.csv",
        performance="results/studies/{study}/performance.csv",
        report="results/studies/{study}/report.html",
        study=lambda w: STUDIES[w.study].path,
    output:
        "results/studies/{study}/verdict.txt",
    log:
        "results/logs/check_study/{study}.log",
    conda:
        "../../environment.yml"
    params:
        small=lambda w: STUDIES[w.study].small,
        resources=str(RESOURCES),
        code=code_of("simulate.verdict"),
    message:
        "Check that R agrees in {wildcards.study}"
    script:
        "../scripts/check_study.py"


rule studies_index:
    input:
        lambda w: study_files(SMALL_STUDIES if w.which == "small" else WHOLE_STUDIES),
    output:
        "results/studies/{which}.html",
    log:
        "results/logs/studies_index/{which}.log",
    conda:
        "../../environment.yml"
    params:
        names=lambda w: SMALL_STUDIES if w.which == "small" else WHOLE_STUDIES,
        directory=config["studies"]["directory"],
        code=software_here("studies_index"),
    message:
        "Write the list of studies"
    script:
        "../scripts/studies_index.py"


rule studies:
    input:
        study_files(WHOLE_STUDIES),
        "results/studies/index.html" if WHOLE_STUDIES else [],
        "results/studies/provenance.json" if WHOLE_STUDIES else [],
