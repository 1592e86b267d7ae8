"""The samples of the documentation, run as they are printed, in the order in which the pages are read, in one shell.

What is run is what a reader copies: it is taken from the pages as a live server shows them, where PUBLIC_URL is that server. The
only thing that is put in is the secret, in the place of `pm_test_…`.
"""

import html
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.services import complete_payments
from config.pages.docs.documents import FIRST, SECTIONS
from tests.billing.conftest import start_sandbox
from tests.billing.factories import set_aside_due_payments
from tests.factories import World, make_seller
from tests.live import web_process

SCOPES = [
    "customers:read", "customers:write", "invoices:read", "invoices:write", "charges:read", "charges:write",
    "messaging:read", "messaging:send", "webhooks:read", "webhooks:write", "events:read",
    "templates:read", "templates:write",
]  # fmt: skip
PAGES = [slug for name, slugs in SECTIONS if name in ("Start", "Build", "Change") for slug in slugs]
# Each language and what runs it. Where there is no such program its samples are not run, and a test says so.
PROGRAMS = {"sh": "bash", "python": sys.executable, "js": "node", "go": "go"}
RUN = set(PROGRAMS)
ENDINGS = {"python": "py", "js": "mjs", "go": "go"}
RUNNERS = {"python": "python", "js": "node", "go": "go run"}
# Samples with a test of their own: a delivery that was really sent, the command of `cli/`, the versions of a coming release.
ELSEWHERE = {
    ("webhooks", "python"),
    ("webhooks", "js"),
    ("webhooks", "go"),
    ("local-development", "sh"),
    ("versions", "python"),
}
# Whatever is refused ends the run, and what curl shows of its progress is no part of it.
BEGIN = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --max-time 30 --write-out '\\n' "$@"; }
python() { "$PYTHON" "$@"; }
"""
# Stands in for jq on a machine without it: follows one path, which is all that the samples ask.
JQ = """jq() { "$PYTHON" -c '
import json, re, sys
found = json.load(sys.stdin)
for name, number in re.findall(r"\\.(\\w+)|\\[(\\d+)\\]", sys.argv[1]):
    found = found[name] if name else found[int(number)]
print(found)' "$2"; }
"""
MARK = re.compile(r"</?span[^>]*>")
SAMPLE = re.compile(r'aria-label="sample (\d+) \((\w+)\)"><code id="sample-\1">(.*?)</code>', re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with web_process(workers=1, threads=4, is_public=True) as started:
        yield started


@pytest.fixture(scope="module")
def sandbox() -> Iterator[None]:
    process = start_sandbox(Path(os.environ["DATA_DIR"]))
    yield
    process.terminate()
    process.wait(timeout=10)


def samples(server: Any) -> Iterator[Any]:
    """Yield (page, number, language, code) as a reader sees them."""
    for page in PAGES:
        shown = server.request("GET", f"/docs/{page}/").content.decode()
        for number, language, code in SAMPLE.findall(shown):
            # The marks of words are for the eye; the button copies the text.
            yield page, int(number), language, html.unescape(MARK.sub("", code))


def script_of(server: Any, folder: Any, languages: Any) -> Any:
    """Return one script of all samples in these languages, and the names of what it runs."""
    parts, names = [BEGIN if shutil.which("jq") else BEGIN + JQ], []
    for page, number, language, code in samples(server):
        if language not in languages or (page, language) in ELSEWHERE:
            continue
        name = f"{page} {number} ({language})"
        names.append(name)
        parts.append(f"echo '== {name}'")
        if language == "sh":
            parts.append(code.replace("pm_test_…", "$SECRET_FOR_SAMPLES"))
            continue
        file = folder / f"{page}-{number}.{ENDINGS[language]}"
        file.write_text(code)
        parts.append(f"{RUNNERS[language]} {file}")
    return "\n".join(parts), names


def test_every_sample_runs_as_printed_from_page_to_page(
    server: Any, sandbox: None, world: World, issue_key: Callable[..., IssuedKey], tmp_path: Path
) -> None:
    set_aside_due_payments()
    make_seller(world.tenant("test"))
    secret = issue_key(world.company, SCOPES, mode="test").client_secret
    languages = {language for language, program in PROGRAMS.items() if shutil.which(program)}

    script, names = script_of(server, tmp_path, languages)
    log = tmp_path / "said.txt"
    with log.open("w") as out:
        running = subprocess.Popen(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"SECRET_FOR_SAMPLES": secret, "PYTHON": sys.executable},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 120
        while running.poll() is None and time.monotonic() < deadline:
            complete_payments()  # as the platform's worker does
            time.sleep(0.2)
    running.kill()

    said = log.read_text()
    assert running.returncode == 0, said[-3000:]
    assert re.findall(r"^== (.+)$", said, re.MULTILINE) == names
    # The first page is there in every language, and its second and third sample get the answer of the first.
    assert names[0] == f"{FIRST} 1 (sh)"
    assert len(names) >= 10
    assert said.count("replayed: true") == len(languages) - 1
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_samples_of_each_language_are_run(language: Any) -> None:
    if not shutil.which(PROGRAMS[language]):
        pytest.skip(
            f"The {language} samples were not run: this machine has no `{PROGRAMS[language]}`"
            " (`make test-clients` brings Go, and runs them)."
        )


def test_no_sample_names_a_server_that_is_not_this_one(server: Any) -> None:
    strangers = [
        (page, number)
        for page, number, language, code in samples(server)
        if language in RUN
        and re.search(r"https?://(?!example\.com|localhost:3000)[\w.:-]+", code.replace(server.url, ""))
    ]
    assert strangers == []
