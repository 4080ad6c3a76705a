"""Timings of whole commands, in fresh processes, from cold files."""
