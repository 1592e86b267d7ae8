"""Templates: texts with variables that never execute, immutable versions, and messages created from them."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from apikeys.services import IssuedKey
from core.tenancy import tenant_context
from messaging.models import DailyUsage, Message
from messaging.services import create_suppression
from messaging.services.templates import MAX_TEXT_BYTES
from messaging.templating import FILTERS, MAX_PLACES, InvalidTemplate, flatten, parse, render
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver
from tests.messaging.smtp import Mailhost

WELCOME = {
    "name": "Welcome",
    "channel": "email",
    "subject": "Welcome, {{ customer.name }}",
    "text": "Dear {{ customer.name }}, your code is {{ code }}.",
    "html": "<p>Dear {{ customer.name }}, <a href='/?q={{ customer.name | urlencode }}'>{{ greeting }}</a></p>",
    "variables": [{"name": "greeting", "default": "hello"}, {"name": "code", "example": "123456"}],
}
ADA = {"customer": {"name": "Ada"}, "code": 42}


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    scopes = ["messaging:send", "messaging:read", "templates:read", "templates:write"]
    return api(issue_key(world.company, scopes=scopes, rate_limit=600).client_secret)


@pytest.fixture
def welcome(client: ApiClient) -> Any:
    """The ID of a template created through the API."""
    answer = client.post("/v1/templates", WELCOME)
    assert answer.status == 201, answer
    return answer.json["id"]


def email(template: Any, variables: Any, **fields: Any) -> Any:
    return {
        "channel": "email",
        "to": ["ada@example.com"],
        "template": template,
        "variables": variables,
        **fields,
    }


def mails(mailhost: Any) -> Any:
    return [received.message for received in mailhost.received]


def problems(answer: Any) -> Any:
    assert (answer.status, answer.code) == (400, "validation_failed"), answer
    return {(one["field"], one["code"]) for one in answer.json["error"]["fields"]}


def is_untouched(world: World) -> Any:
    with tenant_context(world.tenant()):
        return not Message.objects.exists() and not DailyUsage.objects.exists()


# --- the language ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{% if a %}x{% endif %}",
        "{{ a() }}",
        "{{ a['b'] }}",
        "{{ a[0] }}",
        "{{ a.b.c.d.e }}",
        "{{ 1 + 1 }}",
        "{{ 'text' }}",
        "{{ a if b }}",
        "{{ a | attr('x') }}",
        "{{ a | upper(1) }}",
        "{{ a | unknown }}",
        "{{ a" + " | upper" * 6 + " }}",
        "{{ ünï }}",
        "{{ }}",
        "{{ a",
        "{{ " + "(" * 50_000 + " }}",
        "{{ " + "9" * 9_999 + " }}",
        "{{ a }}" * (MAX_PLACES + 1),
    ],
)
def test_template_expressions_are_refused_and_never_evaluated(text: Any) -> None:
    with pytest.raises(InvalidTemplate):
        parse(text)


def test_variable_values_are_inserted_literally() -> None:
    values = {"a": "{{ b }}{% x %}", "a_b": True, "n": 7, "f": 1.5, "x.__class__": "<i>"}
    text = "{{ a }}|{{ a_b }}|{{ n }}|{{ f }}|{{ x.__class__ }}|{{! a comment }}a{b:c}} #d{e:f}"

    assert render(text, values, as_html=False, longest=200) == (
        "{{ b }}{% x %}|true|7|1.5|<i>|a{b:c}} #d{e:f}"
    )
    assert "|&lt;i&gt;|" in render(text, values, as_html=True, longest=200)
    assert set(FILTERS) == {"upper", "lower", "capitalize", "trim", "urlencode"}


def test_parsing_and_rendering_a_template_round_trips() -> None:
    """For all texts without braces and all values: the rendered text is the joined parts, and names are found in order."""
    rng = random.Random(19)
    alphabet = "ab<>&'\" \n}%#é"
    for _ in range(300):
        names = [rng.choice(["a", "b.c", "d.e.f"]) for _ in range(rng.randrange(5))]
        pieces = ["".join(rng.choices(alphabet, k=rng.randrange(8))) for _ in range(len(names) + 1)]
        values = {name: "".join(rng.choices(alphabet, k=3)) for name in names}
        text = pieces[0] + "".join(
            f"{{{{ {name} }}}}{piece}" for name, piece in zip(names, pieces[1:], strict=True)
        )
        wanted = pieces[0] + "".join(
            values[name] + piece for name, piece in zip(names, pieces[1:], strict=True)
        )
        assert parse(text).names == list(dict.fromkeys(names))
        assert render(text, values, as_html=False, longest=1000) == wanted


def test_nested_values_have_dotted_names_and_bounded_depth() -> None:
    assert flatten({"a": {"b": {"c": 1}}, "a.d": 2, "e": {}}) == {"a.b.c": 1, "a.d": 2}
    deep: dict = {}
    for _ in range(5000):
        deep = {"x": deep}
    assert len(flatten(deep)) == 1


# --- templates and their versions -----------------------------------------------------------------------------------------


def test_template_is_created_updated_and_read_in_each_version(client: ApiClient, welcome: Any) -> None:
    made = client.get(f"/v1/templates/{welcome}").json
    assert made["version"] == 1
    assert made["variables"] == [
        {"name": "greeting", "required": False, "default": "hello", "example": None},
        {"name": "code", "required": True, "default": None, "example": "123456"},
        {"name": "customer.name", "required": True, "default": None, "example": None},
    ]

    renamed = client.patch(f"/v1/templates/{welcome}", {"name": "Hello"})
    changed = client.patch(f"/v1/templates/{welcome}", {"text": "Hi {{ customer.name }}"})
    same = client.patch(f"/v1/templates/{welcome}", {"text": "Hi {{ customer.name }}"})

    assert [answer.json["version"] for answer in (renamed, changed, same)] == [1, 2, 2]
    versions = client.get(f"/v1/templates/{welcome}/versions").json["data"]
    assert [(one["version"], one["text"]) for one in versions] == [
        (2, "Hi {{ customer.name }}"),
        (1, WELCOME["text"]),
    ]
    assert client.get("/v1/templates?name=Hello").json["data"][0]["id"] == welcome
    assert client.delete(f"/v1/templates/{welcome}").status == 204
    assert client.get(f"/v1/templates/{welcome}").status == 404


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"subject": ""}, "subject", "required"),
        ({"subject": "Two\nlines"}, "subject", "control_character"),
        ({"text": "", "html": ""}, "text", "required"),
        ({"text": "{{ a"}, "text", "invalid_template"),
        ({"html": "{% for x in y %}"}, "html", "invalid_template"),
        ({"text": "x" * (MAX_TEXT_BYTES + 1)}, "text", "too_long"),
        ({"text": "{{ customer }} {{ customer.name }}"}, "variables", "contradictory"),
        ({"variables": [{"name": "a b"}]}, "variables.0.name", "invalid"),
        ({"variables": [{"name": "a"}, {"name": "a"}]}, "variables.1.name", "duplicate"),
        ({"channel": "sms", "subject": "", "text": "Hi"}, "html", "not_supported"),
        ({"name": "\u200b"}, "name", "invalid"),
    ],
)
def test_invalid_templates_are_refused_by_field(
    client: ApiClient, change: dict[str, Any], field: str, code: str
) -> None:
    assert (field, code) in problems(client.post("/v1/templates", WELCOME | change))
    assert client.get("/v1/templates").json["data"] == []


def test_preview_uses_examples_or_given_values(client: ApiClient, welcome: Any) -> None:
    by_example = client.post(f"/v1/templates/{welcome}/preview", {"variables": None}).json
    given = client.post(
        f"/v1/templates/{welcome}/preview", {"version": 1, "variables": {"code": 1, "customer.name": "<b>"}}
    )

    assert by_example["text"] == "Dear [customer.name], your code is 123456."
    assert given.json["subject"] == "Welcome, <b>"
    assert given.json["html"] == "<p>Dear &lt;b&gt;, <a href='/?q=%3Cb%3E'>hello</a></p>"
    assert problems(client.post(f"/v1/templates/{welcome}/preview", {"version": 2, "variables": None})) == {
        ("version", "not_found")
    }
    assert problems(client.post(f"/v1/templates/{welcome}/preview", {"variables": {}})) == {
        ("variables.code", "required"),
        ("variables.customer.name", "required"),
    }


# --- messages created from them -------------------------------------------------------------------------------------------


def test_message_uses_the_pinned_or_newest_template_version(
    client: ApiClient, welcome: Any, mailhost: Mailhost
) -> None:
    client.patch(
        f"/v1/templates/{welcome}", {"subject": "Second", "text": "Hi {{ customer.name }}", "html": ""}
    )

    newest = client.post("/v1/messages", email(welcome, {"customer": {"name": "Ada"}}))
    pinned = client.post("/v1/messages", email(welcome, ADA, template_version=1))
    client.delete(f"/v1/templates/{welcome}")
    deliver()

    assert newest.status == pinned.status == 201
    assert newest.json["template"] == {"id": welcome, "version": 2}
    assert (newest.json["subject"], newest.json["text"]) == ("Second", "Hi Ada")
    assert client.get(f"/v1/messages/{pinned.json['id']}").json["text"] == "Dear Ada, your code is 42."
    assert sorted(mail["Subject"] for mail in mails(mailhost)) == ["Second", "Welcome, Ada"]


@pytest.mark.parametrize(
    ("variables", "change", "refused"),
    [
        ({"code": 1}, {}, {("variables.customer.name", "required")}),
        ({**ADA, "code": None}, {}, {("variables.code", "required")}),
        ({**ADA, "nmae": "x"}, {}, {("variables.nmae", "unknown_variable")}),
        (
            {"customer": "Ada", "code": 1},
            {},
            {("variables.customer", "unknown_variable"), ("variables.customer.name", "required")},
        ),
        ({**ADA, "code": ["1"]}, {}, {("variables.code", "wrong_type")}),
        (
            {"customer": {"name": "Ada\r\nBcc: eve@example.com"}, "code": 1},
            {},
            {("variables.customer.name", "control_character")},
        ),
        ({"customer": {"name": "x" * 999}, "code": 1}, {}, {("variables", "too_long")}),
        ({**ADA, "code": "x" * 520_000}, {}, {("variables", "too_long")}),
        (ADA, {"template_version": 9}, {("template_version", "not_found")}),
        (ADA, {"subject": "Mine"}, {("subject", "contradictory")}),
        (ADA, {"channel": "sms", "to": ["+4930123456"]}, {("template", "wrong_channel")}),
        (ADA, {"template": None}, {("variables", "contradictory")}),
        (ADA, {"template": "tpl_01kq3v0c8kf1evq0z7g3x2m9ta"}, {("template", "not_found")}),
    ],
)
def test_invalid_variable_values_are_refused_and_nothing_is_queued(
    world: World, client: ApiClient, welcome: Any, variables: Any, change: dict[str, Any], refused: Any
) -> None:
    assert problems(client.post("/v1/messages", email(welcome, variables) | change)) == refused
    assert is_untouched(world)


def test_another_companys_template_is_not_found(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], welcome: Any
) -> None:
    other = api(issue_key(world.other_company, scopes=["messaging:send"]).client_secret)

    assert problems(other.post("/v1/messages", email(welcome, ADA))) == {("template", "not_found")}


# --- batches --------------------------------------------------------------------------------------------------------------


def test_batch_sends_each_recipient_a_message_with_its_own_values(
    world: World, client: ApiClient, welcome: Any, mailhost: Mailhost
) -> None:
    people = [
        {
            "to": f"Person {n} <p{n}@exämple.com>",
            "variables": {"customer.name": f"P{n}", "code": n},
            "metadata": {"n": str(n)},
        }
        for n in range(100)
    ]
    body = {"channel": "email", "template": welcome, "recipients": people, "tags": ["launch"]}

    first = client.post("/v1/messages/batch", body, headers={"Idempotency-Key": "launch"})
    again = client.post("/v1/messages/batch", body, headers={"Idempotency-Key": "launch"})
    deliver()

    assert first.status == 201, first
    assert again.json == first.json
    assert [one["to"] for one in first.json["data"]] == [[f"p{n}@xn--exmple-cua.com"] for n in range(100)]
    assert first.json["data"][7]["metadata"] == {"n": "7"}
    assert sorted(mail["Subject"] for mail in mails(mailhost)) == sorted(f"Welcome, P{n}" for n in range(100))
    assert "q=100;" not in first.headers["RateLimit"]
    with tenant_context(world.tenant()):
        assert DailyUsage.objects.get(channel="email").recipients == 100


def test_invalid_recipient_refuses_the_whole_batch_by_index(
    world: World, client: ApiClient, welcome: Any
) -> None:
    people = [
        {"to": "ada@example.com", "variables": ADA},
        {"to": "nobody", "variables": ADA},
        {"to": "bob@example.com", "variables": {"code": 1}},
        {"variables": ADA},
        {"to": "eve@example.com", "variables": ADA, "customer": "cus_01kq3v0c8kf1evq0z7g3x2m9ta"},
    ]
    answer = client.post(
        "/v1/messages/batch", {"channel": "email", "template": welcome, "recipients": people}
    )

    assert problems(answer) == {
        ("recipients.1.to", "invalid_email"),
        ("recipients.2.variables.customer.name", "required"),
        ("recipients.3.to", "required"),
        ("recipients.4.customer", "not_found"),
    }
    assert is_untouched(world)
    too_many = [{"to": f"p{n}@example.com"} for n in range(101)]
    body = {"channel": "email", "subject": "Hi", "text": "Hi"}
    assert client.post("/v1/messages/batch", {**body, "recipients": too_many}).status == 400
    shared = client.post(
        "/v1/messages/batch", {"channel": "email", "text": "Hi", "recipients": too_many[:100]}
    )
    assert problems(shared) == {("subject", "required")}
    assert is_untouched(world)


def test_suppressed_recipients_of_a_batch_are_skipped(
    world: World, client: ApiClient, queue: Callable[..., Message]
) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="email", address="ada@example.com")
    people = [{"to": "ada@example.com"}, {"to": "bob@example.com"}]
    body = {"channel": "email", "subject": "Hi", "text": "Hi", "recipients": people}

    ids = [one["id"] for one in client.post("/v1/messages/batch", body).json["data"]]
    deliver()

    statuses = [client.get(f"/v1/messages/{each}").json["status"] for each in ids]
    assert statuses[0] == "suppressed"
    assert statuses[1] in ("sent", "delivered")


# --- pages ----------------------------------------------------------------------------------------------------------------


def test_preview_is_sandboxed(world: World, welcome: Any) -> None:
    browser = sign_in(world.owner, company=world.company)
    path = f"/messages/templates/{welcome}/"

    page = browser.get(path)
    shown = browser.post(f"{path}preview/", {"variables": "code: 1\ncustomer.name: <script>x</script>"})
    refused = browser.post(f"{path}preview/", {"variables": "code: 1"})

    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert b"<script>" not in shown.content
    assert b"&amp;lt;script&amp;gt;x" in shown.content  # escaped in the HTML, which is an attribute here
    assert (refused.status_code, b"customer.name: The template requires" in refused.content) == (400, True)


def test_editing_a_template_on_its_page_loses_nothing_the_form_cannot_show(
    world: World, client: ApiClient, welcome: Any
) -> None:
    variables = [{"name": "greeting", "default": "two\nlines"}, {"name": "sign", "default": " – "}]
    client.patch(f"/v1/templates/{welcome}", {"variables": variables})
    browser = sign_in(world.owner, company=world.company)
    form = {
        "name": "Welcome",
        "subject": "Hi",
        "text": "{{ greeting }}{{ sign }}{{ who }}",
        "html": "",
        "examples": "who: Ada\u2028L",
        "defaults": "",
    }

    saved = browser.post(f"/messages/templates/{welcome}/edit/", form)
    refused = browser.post(f"/messages/templates/{welcome}/edit/", form | {"text": "{{ a"})

    assert (saved.status_code, refused.status_code) == (302, 400)
    now = client.get(f"/v1/templates/{welcome}").json
    assert (now["version"], now["subject"]) == (3, "Hi")
    assert now["variables"] == [
        {"name": "who", "required": True, "default": None, "example": "Ada\u2028L"},
        {"name": "greeting", "required": False, "default": "two\nlines", "example": None},
        {"name": "sign", "required": False, "default": " – ", "example": None},
    ]
    assert browser.get(f"/messages/templates/{welcome}/?version=1").status_code == 200
    assert browser.get(f"/messages/templates/{welcome}/?version=9").status_code == 404


def test_edit_refused_for_its_name_leaves_the_template_editable(
    world: World, client: ApiClient, welcome: Any
) -> None:
    # given another template with the name
    assert client.post("/v1/templates", {**WELCOME, "name": "Reminder"}).status == 201
    browser = sign_in(world.owner, world.company)
    page = f"/messages/templates/{welcome}/edit/"
    form = {"name": "Welcome", "subject": "Hi", "text": "Hi"}

    # when new texts come with it
    refused = browser.post(page, {**form, "name": "Reminder"})

    # then nothing of them is kept, and the next edit is the next version
    assert refused.status_code == 400
    assert client.get(f"/v1/templates/{welcome}").json["version"] == 1
    assert browser.post(page, form).status_code == 302
    assert client.get(f"/v1/templates/{welcome}").json["version"] == 2
