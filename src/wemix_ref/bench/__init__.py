"""How long a fit takes and how much memory: ours and others, paired in one run, answers compared.

`specs` reads what is measured, `data` draws it, `subjects` are the programs in Python and
``r/bench.R`` those in R, `worker` is the process that each of them has to itself, `measure` lets
them take turns, `judge` forms the ratios, `table` puts all measurements together.
"""
