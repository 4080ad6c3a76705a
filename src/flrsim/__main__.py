"""``python -m flrsim``."""

from flrsim.cli import entry

entry()
