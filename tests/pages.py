"""What a page of ours must be like."""

from __future__ import annotations

import re


def loads_nothing(page: str) -> bool:
    """Return whether a page names nothing outside itself."""
    loaded = re.findall(r"""(?:src|href|data|action|srcset|poster)\s*=\s*["']([^"']*)""", page, re.IGNORECASE)
    assert loaded
    more = re.findall(r"url\(\s*['\"]?(?!data:|#)|@import|<script|<link|<iframe|<base", page, re.IGNORECASE)
    return not more and all(url.startswith(("data:", "#")) for url in loaded)
