"""The report: one self-contained page that puts every number beside R's."""

from wemix_ref.report.page import render_report, write_report

__all__ = ["render_report", "write_report"]
