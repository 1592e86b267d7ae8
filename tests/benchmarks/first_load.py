"""What a browser asks for when it opens a page for the first time, and what that weighs as it is sent."""

import gzip
import re
import urllib.request
from urllib.parse import urljoin

import brotli

# Scripts, style sheets and pictures; of a sprite a browser asks once, however many icons are taken from it.
_FILES = re.compile(
    r'<script[^>]+src="([^"]+)"|<link[^>]+rel="(?:stylesheet|icon)"[^>]+href="([^"]+)"'
    r'|<img[^>]+src="([^"]+)"|<use[^>]+href="([^"#]+)'
)


def first_load(address: str, session: str) -> tuple[int, int]:
    """Return how many requests the first view of a page makes, and the bytes of their bodies, compressed."""
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
