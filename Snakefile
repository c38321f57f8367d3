# Compare the estimator with every engine and every known answer: prepare, fit, compare, report.
import os
import shlex
import sys

from snakemake.utils import min_version, validate

min_version("9.1")

# Snakemake writes the interpreter's path into shell commands without quotes (its issue 2645).
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)

# One thread for linear algebra in every job: sums are then added in one order, whatever the machine.
for name in ("OMP", "OPENBLAS", "MKL", "BLIS"):
    os.environ[f"{name}_NUM_THREADS"] = "1"


configfile: "config/config.yaml"


validate(config, "workflow/schemas/config.schema.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/common_studies.smk"
include: "workflow/rules/common_bench.smk"


wildcard_constraints:
    case="[a-z0-9][a-z0-9-]*",
    dataset="[a-z0-9][a-z0-9-]*",
    divergence="[a-z0-9][a-z0-9-]*",
    engine="|".join(ENGINE_MODULES),
    study="[A-Za-z0-9][A-Za-z0-9_-]*",
    scenario="[A-Za-z0-9][A-Za-z0-9._+-]*",
    first="[0-9]{7}",
    stop="[0-9]{7}",
    which="index|small",
    mode="quick|full",
    measurement="[a-z0-9][a-z0-9-]*",


include: "workflow/rules/references.smk"
include: "workflow/rules/cases.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/printed.smk"
include: "workflow/rules/divergences.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/bench.smk"
include: "workflow/rules/provenance.smk"


rule all:
    default_target: True
    input:
        "results/verdict.txt",
        "results/provenance.json",
        "results/report/index.html",
        "results/tables/numbers.csv",
        "results/tables/verdicts.csv",
        "results/tables/printed.csv",
        "results/printed.txt",
        "results/tables/divergences.csv",
        "results/divergences.txt",
        expand("results/rebuilt/{dataset}.json", dataset=REBUILT),
        study_files(SMALL_STUDIES),
        "results/studies/small.html" if SMALL_STUDIES else [],


onsuccess:
    if Path("results/report/index.html").is_file():
        print(f"\nThe report: {Path('results/report/index.html').resolve()}")


onerror:
    print(
        "\nThe run did not end as it must; see the messages above. What could be compared stands "
        "in results/report/index.html and results/tables/."
    )
