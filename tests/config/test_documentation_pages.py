"""The documentation pages for members and anonymous visitors."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.test import Client

from config.pages.docs import documents as docs
from config.pages.docs.rendering import render
from tests.factories import World

Login = Callable[..., Client]


@pytest.mark.parametrize(
    "path", ["/docs/quickstart/", "/docs/quickstart", "/docs/concepts/", "/docs/authentication/"]
)
def test_documentation_is_public(path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 200
    assert b"<h1" in response.content


@pytest.mark.parametrize("path", ["/docs/nope/", "/docs/../README/", "/docs/..%2fREADME/", "/docs/adr-0001/"])
def test_other_files_are_not_served(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_documentation_shows_the_app_shell_to_members(world: World, login: Login) -> None:
    html = login(world.owner, world.company).get("/docs/concepts/").content.decode()

    assert "Sections" in html
    assert world.company.name in html


def test_markdown_is_rendered_safely() -> None:
    source = docs.without_comments(
        "# Title\n\n<!-- for editors -->\n\n<script>alert(1)</script>\n\n| a | b |\n|--:|:-:|\n| 1 | 2 |\n\n## not_found\n\n"
        "[e](errors.md#x) [r](runbooks/a-b.md) [o](https://x.test/a.md) [j](javascript:alert)\n\n```sh\nls\n```\n"
    )

    html = render(source).html

    assert "<script>" not in html
    assert "for editors" not in html
    assert "style=" not in html
    assert 'id="not_found"' in html
    assert 'href="/docs/errors/#x"' in html
    assert 'href="/docs/runbooks-a-b/"' in html
    assert 'href="https://x.test/a.md"' in html
    assert 'href="javascript' not in html
    assert '<pre tabindex="0"' in html
    assert 'data-copy="sample-1"' in html


def test_every_document_is_listed_once_and_renders() -> None:
    listed = [document.slug for _, documents in docs.sections() for document in documents]

    assert sorted(listed) == sorted(document.slug for document in docs.all_documents())
    for slug in listed:
        assert Client().get(f"/docs/{slug}/").status_code == 200


def test_links_between_documents_resolve(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    broken = []
    for document in docs.all_documents():
        html = render(document.text, document.folder).html
        for href in re.findall(r'<a href="(/[^"]*)"', html):
            if client.get(urlsplit(href).path, follow=True).status_code != 200:
                broken.append(f"{document.slug}: {href}")

    assert broken == []


def test_verify_audit_script_can_be_downloaded(world: World, login: Login) -> None:
    assert 'href="/docs/verify_audit.py"' in login(world.owner).get("/audit/").content.decode()

    answer = Client().get("/docs/verify_audit.py")

    assert answer.status_code == 200
    assert b"".join(answer) == (docs.FOLDER / "verify_audit.py").read_bytes()
    assert "attachment" in answer.headers["Content-Disposition"]
