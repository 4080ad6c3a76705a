"""One plan day by day as a table: CSV text, CSV or Parquet file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from flrsim.errors import CaseError, FileError
from flrsim.results import PlanResult

QUANTITIES = ("flr_ml", "sflr", "function", "tumour_ml")
STATISTICS = ("p10", "median", "p90")


def columns(plan: PlanResult) -> dict[str, list[Any]]:
    """Return the columns of the table: day, then p10, median and p90 of each quantity."""
    curves = plan.curves
    out: dict[str, list[Any]] = {"day": list(curves["days"])}
    for quantity in QUANTITIES:
        for statistic in STATISTICS:
            out[f"{quantity}_{statistic}"] = list(curves[quantity][statistic])
    return out


def day_table(plan: PlanResult) -> str:
    """Return the table as CSV text with full digits."""
    table = columns(plan)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()


def write_days(plan: PlanResult, path: Path) -> None:
    """Write the table as ``.csv`` or ``.parquet``.

    Raises
    ------
    FileError
        For another extension.
    CaseError
        When Parquet is asked for and its library is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        path.write_text(day_table(plan))
    elif suffix == ".parquet":
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise CaseError(
                'Parquet needs pyarrow; install it with pip install "flrsim[parquet]", or write .csv'
            ) from None
        pq.write_table(pa.table(columns(plan)), path, compression="zstd")
    else:
        raise FileError(
            f"{path.name}: {path.suffix or 'no extension'} is not a table format; give .csv or .parquet"
        )
