# The workflow, for `snakemake` in this directory; workflow/Snakefile has its rules.
include: "workflow/Snakefile"


# What an included file calls the default is none here.
rule default:
    default_target: True
    input:
        rules.all.input,
