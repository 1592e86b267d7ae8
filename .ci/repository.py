"""Fails if tracked files contain registry hosts, machine-specific paths, private keys, or are too large."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The API document is the largest by far, and grows with each resource.
LARGEST_BYTES = 1_000_000
# Written so that the patterns do not match themselves.
FORBIDDEN = {
    "a package registry's host": re.compile(
        r"py[p]i\.org|python[h]osted\.org|registry\.npm[j]s|npm[j]s\.org|deb\.deb[i]an\.org|crate[s]\.io",
        re.IGNORECASE,
    ),
    "a path of one machine": re.compile(
        r"(?<![\w./-])/(?:wor[k]|roo[t]|hom[e]/(?!user\b|pomelo\b)[a-z]+)/[\w.]"
    ),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KE[Y]-----\s*\n"),
    "an unresolved conflict": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}


def complaints() -> list[str]:
    """Return the problems found, one line each."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)  # noqa: S607
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        if path.stat().st_size > LARGEST_BYTES:
            found.append(f"{name}: larger than {LARGEST_BYTES} bytes")
        data = path.read_bytes()
        if b"\0" in data:
            continue  # an image, a font
        text = data.decode("utf-8", "replace")
        for what, pattern in FORBIDDEN.items():
            found += [
                f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match.group(0).strip()}"
                for match in pattern.finditer(text)
            ]
    return found


if __name__ == "__main__":
    lines = complaints()
    sys.exit("\n".join(lines) if lines else 0)
