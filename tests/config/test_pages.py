"""The overview, the parts common to all pages, and the theme."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.models import Company, Membership
from accounts.services import suspend_company
from apikeys.models import ApiKey
from audit.ingest.store import store
from core.tenancy import tenant_context
from tests.audit.rows import make_row
from tests.contracts.pages import list_pages
from tests.factories import PASSWORD, SYSTEM, World, join, make_company, make_customer, make_key, make_user
from webhooks.models import Endpoint

Login = Callable[..., Client]


def check_of(html: str, title: str) -> str:
    """Return the state that the overview shows for a line: Done, Attention, Open or Not applicable."""
    return re.search(rf'visually-hidden">([\w ]+): </span>{re.escape(title)}<', html)[1]


def overview(client: Client) -> str:
    response = client.get("/")
    assert response.status_code == 200
    return response.content.decode()


def change_key(world: World, **columns: object) -> None:
    with tenant_context(world.tenant()):
        ApiKey.objects.update(**columns)


def test_new_company_sees_the_first_steps(login: Login) -> None:
    person = make_user()
    html = overview(login(person, make_company("Fresh", person)))

    assert "0 of 6 done" in html
    assert check_of(html, "Create a key") == "Open"
    assert "Security checklist" not in html


def fields_of_form(html: str, button: str) -> tuple[str, dict[str, str]]:
    """Return where the form whose button has this text is sent, and what it sends (without the CSRF token)."""
    form = next(one for one in re.findall(r"<form.*?</form>", html, re.DOTALL) if f">{button}<" in one)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrfmiddlewaretoken", None)
    return re.search(r'action="([^"]+)"', form)[1], fields


def test_the_first_key_of_the_first_steps_is_a_test_key(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    action, fields = fields_of_form(overview(client), "Create test key")
    before = client.get("/keys/new/").content.decode()

    page = client.post(action, fields, follow=True)

    assert "It works on live data" in before
    assert page.redirect_chain == [("/keys/new/", 302)]
    assert "It works on test data only" in page.content.decode()


def test_first_step_is_a_plain_link_in_test_mode(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    client.post("/mode/", {"mode": "test"})

    assert re.search(r'<a [^>]*href="/keys/new/"[^>]*>Create test key<', overview(client))


@pytest.mark.parametrize("onward", ["//evil.test/", "https://evil.test/keys/", "javascript:alert(1)", ""])
def test_mode_switch_redirects_to_own_pages_only(world: World, login: Login, onward: str) -> None:
    client = login(world.owner, world.company)

    response = client.post("/mode/", {"mode": "test", "onward": onward, "next": "/customers/cus_1/?q=a"})

    assert response["Location"] == "/customers/"


def test_first_steps_reflect_the_actual_state(world: World, login: Login) -> None:
    make_key(world.company)
    make_customer(world.tenant())
    change_key(world, last_used_at=datetime.now(UTC))

    html = overview(login(world.owner, world.company))

    assert "4 of 6 done" in html
    for title in ("Create a key", "Make the first call", "Add a customer", "Invite your team"):
        assert check_of(html, title) == "Done"
    assert check_of(html, "Receive webhooks") == "Open"


def test_first_steps_count_in_both_modes(world: World, login: Login) -> None:
    make_key(world.company, mode="test")
    make_customer(world.tenant("test"))
    browser = login(world.owner, world.company)

    def steps() -> list[str]:
        html = overview(browser)
        assert "3 of 6 done" in html
        return [check_of(html, title) for title in ("Create a key", "Make the first call", "Add a customer")]

    in_live = steps()
    assert "Security checklist" not in overview(browser)
    browser.post("/mode/", {"mode": "test"})

    assert in_live == steps() == ["Done", "Open", "Done"]


def test_checks_that_cannot_be_verified_are_not_marked_done(world: World, login: Login) -> None:
    make_key(world.company)

    html = overview(login(world.owner, world.company))

    assert check_of(html, "Webhook signatures verified") == "Not applicable"
    assert check_of(html, "Keys have the least scopes they need") == "Not applicable"


@pytest.mark.parametrize(
    ("columns", "title", "state"),
    [
        ({}, "Secrets stored server-side", "Open"),
        ({"leaked_at": datetime.now(UTC)}, "Secrets stored server-side", "Attention"),
        ({}, "A rotation schedule is in place", "Done"),
        ({"rotation_days": None}, "A rotation schedule is in place", "Attention"),
        (
            {"rotated_at": datetime.now(UTC) - timedelta(days=91)},
            "A rotation schedule is in place",
            "Attention",
        ),
        ({}, "Unused keys revoked", "Done"),
        ({"created": datetime.now(UTC) - timedelta(days=31)}, "Unused keys revoked", "Attention"),
        ({}, "Keys bound to your servers and sites", "Attention"),
        ({"allowed_networks": ["203.0.113.0/24"]}, "Keys bound to your servers and sites", "Done"),
        (
            {"kind": "browser", "allowed_origins": ["*"], "scopes": ["customers:read"]},
            "Keys bound to your servers and sites",
            "Attention",
        ),
        (
            {"kind": "browser", "allowed_origins": ["https://a.test"], "scopes": ["customers:read"]},
            "Keys bound to your servers and sites",
            "Done",
        ),
        (
            {"kind": "browser", "allowed_origins": ["https://a.test"], "scopes": ["customers:write"]},
            "Keys bound to your servers and sites",
            "Attention",
        ),
        (
            {"created": datetime.now(UTC) - timedelta(days=40), "last_used_at": datetime.now(UTC)},
            "Keys have the least scopes they need",
            "Attention",
        ),
        ({}, "Idempotency-Key on every create, charge and send", "Not applicable"),
        ({"scopes": ["customers:write"]}, "Idempotency-Key on every create, charge and send", "Open"),
    ],
)
def test_security_checklist_reflects_the_keys(
    world: World, login: Login, columns: dict[str, object], title: str, state: str
) -> None:
    make_key(world.company)
    if columns:
        change_key(world, **columns)

    assert check_of(overview(login(world.owner, world.company)), title) == state


def test_another_companys_keys_do_not_count(world: World, login: Login) -> None:
    make_key(world.other_company)

    html = overview(login(world.owner, world.company))

    assert check_of(html, "Create a key") == "Open"


def test_viewer_is_not_offered_key_creation(world: World, login: Login) -> None:
    person = make_user()
    join(world.company, person, "viewer")

    assert 'button-primary" href="/keys/new/"' not in overview(login(person, world.company))


EVERYBODY = {"Quickstart", "Customers", "Set up"}


DEVELOPERS = EVERYBODY | {"Create test key", "Add endpoint"}


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        ("viewer", EVERYBODY),
        ("developer", DEVELOPERS),
        ("admin", DEVELOPERS | {"Invite"}),
        ("owner", DEVELOPERS | {"Invite"}),
    ],
)
def test_first_step_buttons_are_shown_only_to_permitted_roles(
    login: Login, role: str, buttons: set[str]
) -> None:
    person = make_user()
    company = make_company("Fresh", person)
    with tenant_context(company.live_tenant):
        Membership.objects.update(role=role)

    html = overview(login(person, company))

    assert buttons_of(html) == buttons
    assert "0 of 6 done" in html
    for title in ("Create a key", "Receive webhooks", "Invite your team"):
        assert check_of(html, title) == "Open"
    assert "Start with a test key" in html


@pytest.mark.parametrize(
    ("role", "buttons"),
    [("viewer", {"Pattern", "How"}), ("developer", {"Pattern", "How", "Add addresses", "Set one", "Revoke"})],
)
def test_security_checklist_buttons_are_shown_only_to_permitted_roles(
    world: World, login: Login, role: str, buttons: set[str]
) -> None:
    make_key(world.company)
    writing = {"scopes": ["customers:write"], "rotation_days": None}
    change_key(world, **writing, created=datetime.now(UTC) - timedelta(days=31))
    person = make_user()
    join(world.company, person, role)

    html = overview(login(person, world.company))

    assert buttons_of(html.partition("Security checklist")[2]) == buttons
    assert check_of(html, "Unused keys revoked") == "Attention"
    assert "not used for 30 days or more" in html


def buttons_of(html: str) -> set[str]:
    """Return the texts of the buttons of the lists."""
    lists = "".join(re.findall(r'<ul class="checklist">.*?</ul>', html, re.DOTALL))
    return set(re.findall(r'class="button button-small"[^>]*>([^<]+)<', lists))


def test_suspended_company_sees_the_reason_on_every_page(world: World, login: Login) -> None:
    suspend_company(company=world.company, reason="Unpaid since March.", actor=SYSTEM)
    owner = login(world.owner, world.company)
    paths = [page.path() for page in list_pages() if not page.parameters]

    shown = {}
    for path in [*paths, "/profile/", "/docs/keys/"]:
        response = owner.get(path)
        html = response.getvalue().decode()
        if response.status_code == 200 and "</html>" in html:
            shown[path] = html.count("This company is suspended."), html.count("Unpaid since March.")

    assert len(shown) > 20
    assert {path: found for path, found in shown.items() if found != (1, 1)} == {}


def test_active_company_sees_no_suspension_notice(world: World, login: Login) -> None:
    suspend_company(company=world.company, reason="Unpaid since March.", actor=SYSTEM)
    outsider = login(world.outsider, world.other_company)

    assert "suspended" not in overview(outsider)


@pytest.mark.parametrize(
    ("theme", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')]
)
def test_the_theme_is_remembered(theme: str, attribute: str) -> None:
    client = Client()

    response = client.post("/theme/", {"theme": theme, "next": "/accounts/login/"})

    assert response["Location"] == "/accounts/login/"
    assert attribute in client.get("/accounts/login/").content.decode()
    client.post("/theme/", {"theme": "system"})
    assert "data-theme=" not in client.get("/accounts/login/").content.decode().partition("<body")[0]


@pytest.mark.parametrize("cookie", ["<script>", "purple", ""])
def test_unknown_theme_is_ignored(cookie: str) -> None:
    client = Client()
    client.cookies["theme"] = cookie
    refused = client.post("/theme/", {"theme": cookie, "next": "//evil.test/"})

    assert refused["Location"] == "/"
    html = client.get("/accounts/login/").content.decode()
    assert '<html lang="en">' in html


def use_key(world: World, key: ApiKey, requests: int, errors: int = 0) -> None:
    """Leave the log of `requests` calls with `key`, the first `errors` of them refused."""
    store(
        [
            make_row(
                world.company.id,
                key=key.id.hex,
                key_name=key.name,
                route="/v1/customers",
                status=404 if number < errors else 200,
            )
            for number in range(requests)
        ]
    )


def test_overview_counts_the_last_week(world: World, login: Login) -> None:
    key = make_key(world.company).key
    use_key(world, key, 1200, errors=60)

    html = overview(login(world.owner, world.company))

    assert "1,200" in html
    assert "5.0% with an error" in html
    assert html.count("<figure") == 2


def test_key_page_shows_only_its_own_usage(world: World, login: Login) -> None:
    key, other = make_key(world.company).key, make_key(world.company).key
    use_key(world, key, 1234)
    use_key(world, other, 999)
    client = login(world.owner, world.company)
    path = f"/keys/{key.public_id}/usage/"

    page = client.get(path, follow=True).content.decode()
    fragment = client.get(path, headers={"HX-Request": "true"})

    assert "1,234" in page
    assert "999" not in page
    assert "<html" in page
    assert "1,234 requests in 7 days" in fragment.content.decode()
    assert "<html" not in fragment.content.decode()
    assert "HX-Request" in fragment.headers["Vary"]


def test_another_companys_key_has_no_usage_page(world: World, login: Login) -> None:
    foreign = make_key(world.other_company).key

    assert login(world.owner, world.company).get(f"/keys/{foreign.public_id}/usage/").status_code == 404


ALLAUTH_PAGES = [
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
]


@pytest.mark.parametrize("path", ALLAUTH_PAGES)
def test_allauth_pages_use_the_app_shell_and_styles(world: World, login: Login, path: str) -> None:
    browser = login(world.owner, world.company)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})

    html = browser.get(path).content.decode()

    assert 'class="sidebar"' in html
    texts = re.findall(r"<(?:title|h1|h2|button|label)\b[^>]*>\s*([^<]*?)\s*<", html)
    assert texts
    in_title_case = [text for text in texts if re.search(r"^[A-Z]\w+ (\w+ )*[A-Z][a-z]+\b", text)]
    known = {"Your profile", "API keys", "Test mode", "Light theme"}
    assert [text for text in in_title_case if not any(name in text for name in ("Pomelo", *known))] == []


def test_company_wide_entries_are_in_the_trail_of_both_modes(world: World, login: Login) -> None:
    browser = login(world.owner, world.company)
    browser.post("/mode/", {"mode": "test"})
    browser.post("/team/invite/", {"email": "new@example.com", "role": "viewer"})
    make_key(world.company, mode="test")

    for mode in ("test", "live"):
        browser.post("/mode/", {"mode": mode})
        page = browser.get("/audit/").content.decode()
        assert "member.invited" in page
        assert ("api_key.created" in page) is (mode == "test")


def test_first_steps_can_be_collapsed_dismissed_and_restored_in_both_modes(
    world: World, login: Login
) -> None:
    browser, colleague = login(world.owner, world.company), login(world.teammate, world.company)

    for how, in_words, steps_there in (
        ("collapsed", "Expand", False),
        ("dismissed", "Show the first steps", False),
        ("open", "Collapse", True),
    ):
        assert browser.post("/first-steps/", {"how": how}).status_code == 302
        for mode in ("test", "live"):
            browser.post("/mode/", {"mode": mode})
            html = overview(browser)
            assert in_words in html, (how, mode)
            assert ("Make the first call" in html) is steps_there, (how, mode)
        assert "Make the first call" in overview(colleague)
    browser.post("/first-steps/", {"how": "elsewhere"})
    assert "Collapse" in overview(browser)


def test_problems_offer_a_fix_button(world: World, login: Login) -> None:
    make_key(world.company)
    soon = datetime.now(UTC) + timedelta(days=3)
    change_key(world, expires_at=soon)
    with tenant_context(world.tenant()):
        Company.objects.filter(id=world.company.id).update(keys_need_networks=True)
        endpoint = Endpoint.objects.create(
            url="https://hooks.acme.example/", events=["*"], headers=b"", failing_since=datetime.now(UTC)
        )

    html = overview(login(world.owner, world.company))
    care = html.partition("Needs attention")[2].partition("First steps")[0]

    assert f"/webhooks/{endpoint.public_id}/" in care
    assert {"See why", "Choose a later day", "Edit"} <= buttons_of(care)
    assert html.index("Requests, 7 days") < html.index("Needs attention") < html.index("First steps")
    browser = login(world.outsider, world.other_company)
    assert "Needs attention" not in overview(browser)
