"""``case.toml`` to case and plans; the only room that speaks pydantic."""

from flrsim.case_file.load import examine_case, examine_file, is_case, load_case, load_file

__all__ = ["examine_case", "examine_file", "is_case", "load_case", "load_file"]
