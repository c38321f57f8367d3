"""Monte Carlo studies: populations, sampling designs, analyses, and how well they do."""
