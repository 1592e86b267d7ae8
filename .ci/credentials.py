"""Fails if a credential is in a tracked file or any of its past versions, because history can be read forever.

Credentials are recognized only by the format of their issuer, regardless of file names and context. Fake ones in tests and
documents are exempt: our own by an invalid checksum, others by ALLOWED.
"""

import re
import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Written so that the patterns do not match themselves.
FORMS = {
    "an AWS access key": rb"\bA(?:KI|SI)A[0-9A-Z]{16}\b",
    "a GitHub token": rb"\bg[h][pousr]_[0-9A-Za-z]{36}\b|\bgithub_pa[t]_[0-9A-Za-z_]{60,}",
    "a GitLab token": rb"\bglp[a]t-[0-9A-Za-z_-]{20,}",
    "a Slack token": rb"\bxox[abprs]-[0-9A-Za-z-]{20,}",
    "a Stripe key": rb"\b[sr]k_li[v]e_[0-9A-Za-z]{20,}",
    "a Google key": rb"\bAIz[a][0-9A-Za-z_-]{35}\b",
    "a Twilio key": rb"\bS[K][0-9a-f]{32}\b",
    "a SendGrid key": rb"\bS[G]\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b",
    "an npm or PyPI token": rb"\bnp[m]_[0-9A-Za-z]{36}\b|\bpyp[i]-AgEIcHlwaS[0-9A-Za-z_-]{50,}",
    "a Vault token": rb"\bhv[sb]\.[0-9A-Za-z_-]{24,}",
    "a private key": rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KE[Y]-----\s*\n[A-Za-z0-9+/=]{40}",
    "a JSON Web Token": rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "one of our secrets": rb"\bpm_(?:live|test)_[0-9A-Za-z]{38}\b",
    "a password in a URL": rb"\b(?:postgres(?:ql)?|rediss?|amqps?|https?|smtps?)://[^\s:@/'\"<>{}$]*:([^\s:@/'\"<>{}$%]{12,})@",
}
PATTERNS = {what: re.compile(form) for what, form in FORMS.items()}
# False positives, with the reason.
ALLOWED: dict[bytes, str] = {
    b"postgresql://app:checked-only@": "in the settings of .ci/deploy_check.py, which connects to no server",
    b"postgresql://owner:checked-only@": "the same",
}
ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_real(what: str, found: bytes) -> bool:
    """Whether a match can be a real credential."""
    if found in ALLOWED:
        return False
    if what == "one of our secrets":
        body, checksum = found[:-6], found[-6:]
        number, digits = zlib.crc32(body), b""
        for _ in range(6):
            number, digit = divmod(number, 62)
            digits = ALPHABET[digit : digit + 1] + digits
        return digits == checksum
    return True


def complaints(root: Path = ROOT) -> list[str]:
    """Return the matches in the tree and in all past versions, one line each."""
    objects = subprocess.check_output(["git", "rev-list", "--objects", "HEAD"], cwd=root)  # noqa: S607
    names = {line.split(b" ", 1)[0]: line.split(b" ", 1)[1] for line in objects.splitlines() if b" " in line}
    found: dict[tuple[str, bytes], str] = {}
    for name, data in [*_tracked(root), *_versions(root, names)]:
        if b"\0" in data[:8000]:
            continue  # an image, a font
        for what, pattern in PATTERNS.items():
            for match in pattern.finditer(data):
                if is_real(what, match[0]):
                    line = data.count(b"\n", 0, match.start()) + 1
                    found.setdefault(
                        (what, match[0]),
                        f"{name}:{line}: {what}: {match[0][:12].decode('ascii', 'replace')}…",
                    )
    return sorted(found.values())


def _tracked(root: Path) -> list[tuple[str, bytes]]:
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=root, text=True)  # noqa: S607
    paths = [name for name in listed.split("\0") if name and (root / name).is_file()]
    return [(name, (root / name).read_bytes()) for name in paths]


def _versions(root: Path, names: dict[bytes, bytes]) -> list[tuple[str, bytes]]:
    answer = subprocess.run(
        ["git", "cat-file", "--batch"],  # noqa: S607
        cwd=root, input=b"\n".join(names) + b"\n", capture_output=True, check=True,
    ).stdout  # fmt: skip
    found, at = [], 0
    for identifier, name in names.items():
        end = answer.index(b"\n", at)
        kind, size = answer[at:end].split()[1:3]
        if kind == b"blob":
            found.append(
                (f"{name.decode()} ({identifier[:9].decode()})", answer[end + 1 : end + 1 + int(size)])
            )
        at = end + 1 + int(size) + 1
    return found


if __name__ == "__main__":
    lines = complaints()
    sys.exit("\n".join(lines) if lines else 0)
