"""The requests of a page's first load, and their transfer size."""

import gzip
import re
import urllib.request
from urllib.parse import urljoin

import brotli

# Scripts, stylesheets and images. A sprite is requested once, however many of its icons are used.
_FILES = re.compile(
    r'<script[^>]+src="([^"]+)"|<link[^>]+rel="(?:stylesheet|icon)"[^>]+href="([^"]+)"'
    r'|<img[^>]+src="([^"]+)"|<use[^>]+href="([^"#]+)'
)


def first_load(address: str, session: str) -> tuple[int, int]:
    """Return the number of requests of a page's first load, and the total size of their compressed bodies."""
    sizes = {address: 0}
    html, sizes[address] = _read(address, session)
    for found in _FILES.findall(html):
        file = urljoin(address, next(filter(None, found)))
        if file not in sizes:
            _, sizes[file] = _read(file, session)
    return len(sizes), sum(sizes.values())


def _read(address: str, session: str) -> tuple[str, int]:
    headers = {"Cookie": f"sessionid={session}", "Accept-Encoding": "gzip, br"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        body = answer.read()
        encoding = answer.headers.get("Content-Encoding", "")
    content = (
        brotli.decompress(body) if encoding == "br" else gzip.decompress(body) if encoding == "gzip" else body
    )
    return content.decode("utf-8", "replace"), len(body)
