"""No sentence of the requirement documents is without a test, and those about keys are quoted by theirs."""

import ast
import hashlib
import re
from functools import lru_cache
from pathlib import Path

import pytest
from django.conf import settings

from tests.contracts.requirements import CONSIDERATIONS, SECURITY_MODEL, Sentence

ROOT = Path(settings.BASE_DIR)
# SHA-256 of each document without white space: a sentence that is dropped or reworded is noticed.
DIGESTS = {
    "security model": "711e826caf1cd062203ebc00d475086da599407663b0dd8da638a36f43857c10",
    "considerations": "3872dfa27ad5b007c17edd8e39539ddc3912785a9801b62327b9d3530dd46b10",
}
DOCUMENTS = {"security model": SECURITY_MODEL, "considerations": CONSIDERATIONS}
# The sections about credentials, scopes, browser use, hardening and rotation: each of their sentences is quoted.
QUOTED = {
    "Credentials",
    "Least-privilege scopes",
    "Browser / front-end use",
    "Recommended hardening (server-to-server)",
    "Tenant isolation",
    "Security checklist",
    "1. API Key Storage",
    "3. API Key Rotation",
    "5. Permission Scopes",
}
SECTIONS = QUOTED | {
    "Transport",
    "Per-key rate limits",
    "Writes & idempotency",
    "Webhooks",
    "2. API Key Transmission",
    "4. Rate Limiting",
    "6. Audit Logging",
}
_LABEL = re.compile(r"^(Problem|Solution|Best Practice): |^[-•] ")


def quoted_sentences() -> list[Sentence]:
    """Return the sentences of the sections that are quoted word by word."""
    found, section = [], ""
    for sentence in (*SECURITY_MODEL, *CONSIDERATIONS):
        if sentence.text in SECTIONS:
            section = sentence.text
        elif sentence.tests and section in QUOTED:
            found.append(sentence)
    return found


@lru_cache
def docstrings(path: str) -> dict[str, str]:
    """Return the docstring of every test of a file, by the test's name."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def letters(text: str) -> str:
    """Return what is left of a text when only its words count."""
    return re.sub(r"[^a-z0-9*_]", "", text.lower().replace("’", "'"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_sentence_is_there_in_the_documents_own_words(name: str) -> None:
    text = "".join("".join(sentence.text.split()) for sentence in DOCUMENTS[name])
    assert hashlib.sha256(text.encode()).hexdigest() == DIGESTS[name]


def test_table_rows_without_a_test_are_headings() -> None:
    """Headings hold nobody to anything: they have no verb of ours, and are few."""
    headings = [sentence.text for sentence in (*SECURITY_MODEL, *CONSIDERATIONS) if not sentence.tests]
    unknown = [
        text
        for text in headings
        if text not in SECTIONS
        and not re.fullmatch(
            r"Security model|Security Considerations|Implementation:|Security Benefits:|Example Use Cases:|Logged events:"
            r"|-? ?See [\w ]+\.",
            text,
        )
    ]
    assert unknown == []


def test_every_test_that_is_named_exists() -> None:
    named = {test for sentence in (*SECURITY_MODEL, *CONSIDERATIONS) for test in sentence.tests}
    assert len(named) > 40
    gone = sorted(
        test
        for test in named
        if not (ROOT / test.partition("::")[0]).is_file()
        or test.partition("::")[2] not in docstrings(test.partition("::")[0])
    )
    assert gone == []


@pytest.mark.parametrize("sentence", quoted_sentences(), ids=lambda sentence: sentence.text[:60])
def test_the_tests_of_a_sentence_quote_it_whole(sentence: Sentence) -> None:
    rest = letters(_LABEL.sub("", sentence.text))
    quotes: list[str] = []
    for test in sentence.tests:
        path, _, name = test.partition("::")
        quotes += re.findall(r'"([^"]+)"', docstrings(path).get(name, ""))
    for quote in sorted(quotes, key=len, reverse=True):
        rest = rest.replace(letters(quote), "", 1)
    assert rest == ""
