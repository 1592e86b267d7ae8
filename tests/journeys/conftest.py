"""A real browser (Chromium, headless) against the real application, served by a thread of this process.

Without a browser the journeys are skipped, except under CI=true, where that is a failure.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from accounts.models import User
from tests.clients import sign_in

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Most scripts here run for less time than it takes to optimise them: a fifth of all that axe costs.
    "--js-flags=--no-turbofan --no-maglev",
)
# How long a page is waited for, and what a test expects of it. On a busy machine a click in Swagger UI has taken 15 s.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
# Requests without a response that are in order: a page gives them up when it is left, and when what has been typed since
# makes another one; and the browser, going back, has not kept a page that must not be stored.
NO_FAULTS = ("net::ERR_ABORTED", "net::ERR_CACHE_MISS")
# Playwright's synchronous interface keeps an event loop in this thread, which makes Django refuse the ORM in the tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def find_chromium() -> str | None:
    """Return the browser to drive: CHROMIUM, or one on the path.

    The headless shell is the same engine without what surrounds pages in a window: it starts and opens a page at half the cost.
    """
    names = (
        "chromium-headless-shell",
        "chrome-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as a journey."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all journeys that follow each other, each of which gets a fresh profile.

    Not for the session: while it runs, Playwright keeps an event loop in this thread, which other tests have to run.
    """
    executable = find_chromium()
    if executable is None:
        message = "No Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM."
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    """The application on a free port of localhost (passkeys need that name)."""
    server = LiveServerThread("localhost", StaticFilesHandler, connections_override={})
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    yield f"http://localhost:{server.port}"
    server.terminate()


@pytest.fixture
def visit(browser: Browser, base_url: str) -> Iterator[Callable[..., Page]]:
    """`visit(width=…, scripts=…, theme=…)` opens a page in a fresh profile; what goes wrong in it fails the test.

    That is a script error, a report of a policy, or a request that got no response.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        if _is_problem(message):
            problems.append(message.text)

    def note_failure(request: Request) -> None:
        if request.failure not in NO_FAULTS:
            problems.append(f"{request.url}: {request.failure}")

    def open_page(*, width: int = 1280, scripts: bool = True, theme: Any = "light") -> Page:
        context = browser.new_context(
            base_url=base_url,
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            color_scheme=theme,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on("console", note_message)
        page.on("requestfailed", note_failure)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def _is_problem(message: ConsoleMessage) -> bool:
    # axe looks into frames by a script of its own, which the sandbox of a message's preview is there to refuse.
    if message.text.startswith("Blocked script execution in ") and "/preview/" in message.text:
        return False
    # htmx reports requests without a response, also those that it gave up itself: `note_failure` tells them apart.
    if message.text.startswith(("htmx:afterRequest", "htmx:sendAbort", "htmx:sendError")):
        return False
    return any(policy in message.text for policy in ("Content Security Policy", "Permissions-Policy")) or (
        message.type == "error" and "Failed to load resource" not in message.text
    )


@pytest.fixture
def sign_in_as(base_url: str) -> Callable[[Page, User], None]:
    """`sign_in_as(page, user)` gives the page's profile a session of theirs, as the sign-in page does (test_sign_in.py)."""

    def add_session(page: Page, user: User) -> None:
        session = sign_in(user).cookies["sessionid"].value
        page.context.add_cookies(
            [{"name": "sessionid", "value": session, "url": base_url, "httpOnly": True, "sameSite": "Lax"}]
        )

    return add_session
