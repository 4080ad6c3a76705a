"""One self-contained page from a comparison and the pictures handed in."""

from flrsim.report.page import ReportPicture, render_html, write_html
from flrsim.report.tables import comparison_rows

__all__ = ["ReportPicture", "comparison_rows", "render_html", "write_html"]
