"""The self-audit: what flrsim computes on this machine, against what is known without it."""

from flrsim.doctor.examine import examine

__all__ = ["examine"]
