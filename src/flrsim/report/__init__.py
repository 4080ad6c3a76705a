"""One self-contained report from a comparison and the pictures handed in, as HTML or PDF."""

from flrsim.report.files import write_report
from flrsim.report.marks import lesion_marks
from flrsim.report.model import ModelStage, ReportModel, ShownMark, ShownPart
from flrsim.report.page import ReportPicture, render_html
from flrsim.report.pdf import pdf_missing, render_pdf
from flrsim.report.tables import comparison_rows

__all__ = [
    "ModelStage",
    "ReportModel",
    "ReportPicture",
    "ShownMark",
    "ShownPart",
    "comparison_rows",
    "lesion_marks",
    "pdf_missing",
    "render_html",
    "render_pdf",
    "write_report",
]
