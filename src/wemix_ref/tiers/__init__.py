"""The tiers of a comparison, one module each; :mod:`wemix_ref.compare` calls them in turn."""
