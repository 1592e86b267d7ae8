"""The documentation: contents, search, Markdown pages, and the API collection."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from config.pages.docs.documents import all_documents
from config.pages.docs.search import search


def get(path: Any) -> Any:
    return Client().get(path)


def test_page_lists_its_headings_and_its_code_can_be_copied() -> None:
    html = get("/docs/idempotency/").content.decode()
    listed = re.findall(r'<a class="nav-link" href="#([^"]+)"', html)

    assert all(f'id="{anchor}"' in html for anchor in listed)
    for number in re.findall(r'data-copy="(sample-\d+)"', html):
        assert html.count(f'id="{number}"') == 1
    assert 'data-copy="sample-1"' in html
    assert '<a class="nav-link" href="#what-needs-a-new-version"' in get("/docs/versions/").content.decode()


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("idempotency_key_reused", "/docs/errors/#idempotency_key_reused"),
        ("ROTAT secret", "/docs/"),
        ("sunset", "/docs/versions/#deprecation-and-end"),
        ("quickstart", "/docs/quickstart/"),
    ],
)
def test_the_best_section_comes_first(question: str, first: str) -> None:
    assert search(question)[0].section.url.startswith(first)


@pytest.mark.parametrize("question", ["", "   ", "zzzzqqq", "(.*", "[(\\", "\\", "é" * 500, "secret zzzzqqq"])
def test_unknown_text_is_reported_as_not_found(question: str) -> None:
    assert search(question) == []
    page = Client().get("/docs/search/", {"q": question})
    assert page.status_code == 200
    assert b"<script>alert" not in page.content


def test_query_uses_at_most_ten_distinct_words() -> None:
    letters = "a b c d e f g h i k"
    assert search(f"{letters} zzzzqqq") == search(letters) != []
    assert search("secret SECRET secret") == search("secret")


def test_query_is_escaped() -> None:
    page = Client().get("/docs/search/", {"q": "<script>alert(1)</script>"})
    assert b"<script>alert" not in page.content


def test_search_result_links_to_its_section() -> None:
    page = Client().get("/docs/search/", {"q": "Retry-After"}).content.decode()
    hrefs = re.findall(r'<li><a href="(/docs/[^"]+)"', page)

    assert len(hrefs) > 3
    for href in hrefs[:5]:
        path, _, anchor = href.partition("#")
        html = get(path).content.decode()
        assert not anchor or f'id="{anchor}"' in html, href


def test_every_page_is_served_as_markdown_and_listed_in_llms_txt(settings: Any) -> None:
    listed = get("/llms.txt")

    assert listed.headers["Content-Type"].startswith("text/plain")
    for document in all_documents():
        text = get(f"/docs/{document.slug}.md")
        assert text.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert "<!--" not in text.content.decode().replace("<!-- towncrier", "")
        assert f"{settings.PUBLIC_URL}/docs/{document.slug}.md" in listed.content.decode()
    assert get("/docs/nope.md").status_code == 404


def test_the_collection_has_every_operation_and_no_secret(settings: Any) -> None:
    made = json.loads(get("/docs/pomelo.postman_collection.json").content)
    document = json.loads(get("/v1/openapi.json").content)
    requests = [request["request"] for folder in made["item"] for request in folder["item"]]
    operations = [
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    ]

    found = {
        (each["method"], re.sub(r":(\w+)", r"{\1}", each["url"]["raw"].removeprefix("{{base_url}}")))
        for each in requests
    }
    assert found == set(operations)
    assert made["variable"] == [
        {"key": "base_url", "value": settings.PUBLIC_URL},
        {"key": "secret", "value": ""},
    ]
    create = next(
        each for each in requests if each["url"]["raw"].endswith("/customers") and each["method"] == "POST"
    )
    assert json.loads(create["body"]["raw"])["name"] == "Ada Lovelace"
    assert {"key": "Idempotency-Key", "value": "{{$guid}}"} in create["header"]
