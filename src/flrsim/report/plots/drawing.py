"""What all drawings share: the style, and SVG that several of them can stand on one page with."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def style(salt: str, *, size: float = 10.0) -> Iterator[None]:
    """Draw in the page's style.

    Parameters
    ----------
    salt
        Makes the ids of this drawing differ from those of others on the same page.
    size
        Of letters, in points.
    """
    import matplotlib

    settings: Any = {
        "svg.hashsalt": f"flrsim {salt}",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": size,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        yield


def svg(figure: Any, words: str) -> str:
    """Return a figure as SVG with what it shows in words; call inside `style`."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = out.getvalue()
    text = text[text.index("<svg") :]
    # Group ids are the same in every drawing; two of them on one page would clash.
    text = re.sub(r'<g id="[\w.]+"(/?)>', r"<g\1>", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(words)}"', 1)
