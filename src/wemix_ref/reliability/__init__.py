"""What was done to break this package, with its figures: long runs, their records, their page."""
