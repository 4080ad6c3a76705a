"""The planner in the browser: bound to this machine, each browser tab with a session of its own."""

from flrsim.viewer.web.serve import serve

__all__ = ["serve"]
