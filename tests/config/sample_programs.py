"""Scripts that run the samples of the documentation as printed, in reading order."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.services import complete_payments
from config.pages.docs.documents import SECTIONS
from tests.factories import make_key, make_seller, make_world

PAGES = [slug for name, slugs in SECTIONS if name in ("Start", "Build", "Change") for slug in slugs]
# Each language and what runs it. Where there is no such program its samples are not run, and a test says so.
PROGRAMS = {"sh": "bash", "python": sys.executable, "js": "node", "go": "go"}
SCOPES = [
    "customers:read", "customers:write", "invoices:read", "invoices:write", "charges:read", "charges:write",
    "messaging:read", "messaging:send", "webhooks:read", "webhooks:write", "events:read",
    "templates:read", "templates:write",
]  # fmt: skip
# Samples with a test of their own, by page and what they say: deliveries that were really sent, the command of `cli/`, the
# versions of a coming release.
ELSEWHERE = {
    "webhooks": re.compile("standardwebhooks|webhook-signature"),
    "local-development": re.compile("pomelo "),
    "versions": re.compile("NameInParts"),
}
SECONDS = 300
LANGUAGES = [language for language, program in PROGRAMS.items() if shutil.which(program)]
# Whatever is refused ends the run, and what curl shows of its progress is no part of it.
BEGIN = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body --max-time 30 --write-out '\\n' "$@"; }
"""
# Stands in for jq on a machine without it: follows one path, which is all that the samples ask.
JQ = """jq() { "$PYTHON" -c '
import json, re, sys
found = json.load(sys.stdin)
for name, number in re.findall(r"\\.(\\w+)|\\[(\\d+)\\]", sys.argv[1]):
    found = found[name] if name else found[int(number)]
print(found)' "$2"; }
"""
# All programs of a language run in one process; each begins anew, as those do that somebody copied one by one.
PYTHON = """import json, runpy
for name, file in json.load(open("samples.json")):
    print("==", name, flush=True)
    runpy.run_path(file, run_name="__main__")
"""
NODE = """import { readFileSync } from "node:fs";
for (const [name, file] of JSON.parse(readFileSync("samples.json"))) {
  console.log("==", name);
  await import(`./${file}`);
}
"""
# One build of all; what gofmt would change or vet finds ends the run.
GO = """test -z "$("$(go env GOROOT)/bin/gofmt" -l .)"
go vet ./...
mkdir bin && go build -o bin/ ./...
"""
MARK = re.compile(r"</?span[^>]*>")
SAMPLE = re.compile(r'aria-label="sample (\d+) \((\w+)\)"><code id="sample-\1">(.*?)</code>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sample:
    """A block of code as a reader copies it."""

    page: str
    number: int
    language: str
    code: str

    @property
    def name(self) -> str:
        return f"{self.page} {self.number} ({self.language})"

    @property
    def is_elsewhere(self) -> bool:
        pattern = ELSEWHERE.get(self.page)
        return pattern is not None and pattern.search(self.code) is not None


def shown_by(server: Any) -> list[Sample]:
    """Return the samples of the pages as a live server shows them; the marks of words are for the eye, and not copied."""
    return [
        Sample(page, int(number), language, html.unescape(MARK.sub("", code)))
        for page in PAGES
        for number, language, code in SAMPLE.findall(server.request("GET", f"/docs/{page}/").content.decode())
    ]


def script_of(samples: list[Sample], folder: Path) -> str:
    """Return a shell script that runs the samples, which are of one language, and prints the name of each before it."""
    if samples[0].language == "sh":
        return "\n".join(f"echo '== {each.name}'\n{as_copied(each)}" for each in samples)
    write = {"python": _python, "js": _node, "go": _go}[samples[0].language]
    return write(samples, folder)


def as_copied(sample: Sample) -> str:
    """Return the code with the reader's secret in the place of `pm_test_…`."""
    return sample.code.replace("pm_test_…", "$SECRET_FOR_SAMPLES")


def beginning(samples: list[Sample]) -> str:
    """Return what comes before the samples of each language: the first sample, which puts address and secret in the environment."""
    return BEGIN + ("" if shutil.which("jq") else JQ) + as_copied(samples[0])


def _python(samples: list[Sample], folder: Path) -> str:
    _write_files(samples, folder, "py")
    (folder / "run.py").write_text(PYTHON)
    return '"$PYTHON" run.py'


def _node(samples: list[Sample], folder: Path) -> str:
    _write_files(samples, folder, "mjs")
    (folder / "run.mjs").write_text(NODE)
    return "node run.mjs"


def _write_files(samples: list[Sample], folder: Path, ending: str) -> None:
    files = [(each.name, f"{each.page}-{each.number}.{ending}") for each in samples]
    for each, (_, file) in zip(samples, files, strict=True):
        (folder / file).write_text(each.code)
    (folder / "samples.json").write_text(json.dumps(files))


def _go(samples: list[Sample], folder: Path) -> str:
    (folder / "go.mod").write_text("module samples\n\ngo 1.19\n")
    runs = []
    for each in samples:
        name = f"{each.page}-{each.number}"
        (folder / name).mkdir()
        (folder / name / "main.go").write_text(each.code)
        runs.append(f"echo '== {each.name}'\nbin/{name}")
    return GO + "\n".join(runs)


class Running:
    """The samples of one language, begun in a folder of their own."""

    def __init__(self, all_samples: list[Sample], chosen: list[Sample], folder: Path, secret: str) -> None:
        folder.mkdir()
        self.names = [each.name for each in chosen]
        self.folder = folder
        script = f"{beginning(all_samples)}\n{script_of(chosen, folder)}"
        with (folder / "said.txt").open("w") as out:
            self._process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=folder,
                env=os.environ | {"SECRET_FOR_SAMPLES": secret, "PYTHON": sys.executable},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_done(self) -> bool:
        return self._process.poll() is not None

    def result(self) -> str:
        """Return what all of them printed. Fails with it when one of them failed, or was not run."""
        self._process.kill()
        self._process.wait()
        output = (self.folder / "said.txt").read_text()
        assert self._process.returncode == 0, output[-3000:]
        assert re.findall(r"^== (.+)$", output, re.MULTILINE) == self.names
        return output


def wait_for(running: list[Running]) -> None:
    deadline = time.monotonic() + SECONDS
    while not all(each.is_done for each in running) and time.monotonic() < deadline:
        complete_payments()  # as the platform's worker does
        time.sleep(0.2)


def begin_all(samples: list[Sample], language: str, folder: Path) -> Running:
    """Begin all samples of a language, in a company in which nothing is there that another language has made."""
    chosen = [each for each in samples if each.language == language and not each.is_elsewhere]
    world = make_world()
    make_seller(world.tenant("test"))
    return Running(samples, chosen, folder, make_key(world.company, SCOPES, mode="test").client_secret)
