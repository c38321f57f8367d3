"""The report of a simulation study: aims, data, estimands, methods, performance."""

from wemix_ref.report.studies.index import write_studies_index
from wemix_ref.report.studies.page import write_study_report

__all__ = ["write_studies_index", "write_study_report"]
