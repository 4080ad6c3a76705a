"""What a page of ours must be like."""

from __future__ import annotations

import re

SCRIPT = re.compile(r"<script\b([^>]*)>.*?</script>", re.IGNORECASE | re.DOTALL)


def loads_nothing(page: str) -> bool:
    """Return whether a page names nothing outside itself; its own script runs under a policy that lets it load nothing."""
    attributes = SCRIPT.findall(page)
    if attributes and ("default-src 'none'" not in page or any("src" in a for a in attributes)):
        return False
    page = SCRIPT.sub("", page)
    loaded = re.findall(r"""(?:src|href|data|action|srcset|poster)\s*=\s*["']([^"']*)""", page, re.IGNORECASE)
    assert loaded
    more = re.findall(r"url\(\s*['\"]?(?!data:|#)|@import|<script|<link|<iframe|<base", page, re.IGNORECASE)
    return not more and all(url.startswith(("data:", "#")) for url in loaded)
