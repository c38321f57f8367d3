"""Where R's packages give another answer: each shown on small data, with what says which is right.

A divergence is a file in ``config/divergences`` and an R script with its data in
``resources/divergences``. `wemix_ref.divergences.specs` reads it, `demonstrate` runs it,
`verdict` judges, `pages` writes what a maintainer could be sent, `table` puts all together.
"""
