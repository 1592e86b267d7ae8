"""The samples of the documentation run as printed, in reading order and in each language.

They are taken from the pages as shown by a live server, whose address is PUBLIC_URL. Only the secret is inserted, in place of
`pm_test_…`.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apikeys.services import IssuedKey
from config.pages.docs.documents import FIRST
from tests.billing.factories import set_aside_due_payments
from tests.config.sample_programs import (
    LANGUAGES,
    PROGRAMS,
    Running,
    Sample,
    begin_all,
    shown_by,
    wait_for,
)
from tests.factories import make_world
from tests.live import web_process
from tests.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with web_process(workers=1, threads=4, is_public=True) as started:
        yield started


@pytest.fixture(scope="module")
def samples(server: Any) -> list[Sample]:
    return shown_by(server)


def is_request(sample: Sample) -> bool:
    return sample.language == "sh" and re.search(r"\bcurl ", sample.code) is not None


def test_every_request_has_samples_in_four_languages(samples: list[Sample]) -> None:
    requests = [place for place, each in enumerate(samples) if is_request(each)]
    assert len(requests) >= 12
    for place in requests:
        group = samples[place : place + len(PROGRAMS)]
        assert [each.language for each in group] == list(PROGRAMS), group[0].name
        assert len({each.page for each in group}) == 1
    assert samples[0].name == f"{FIRST} 1 (sh)"


def test_every_sample_runs_as_printed_from_page_to_page(
    samples: list[Sample],
    gateway: SandboxProcess,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    set_aside_due_payments()
    running = [begin_all(samples, language, tmp_path / language) for language in LANGUAGES]

    wait_for(running)

    for each in running:
        each.result()
        assert (each.folder / "invoice.pdf").read_bytes().startswith(b"%PDF-")
    record_property(
        "samples",
        ", ".join(f"{len(each.names)} {language}" for language, each in zip(LANGUAGES, running, strict=True)),
    )


def test_samples_with_retries_get_through_a_drained_key(
    samples: list[Sample], server: Any, issue_key: Callable[..., IssuedKey], tmp_path: Path
) -> None:
    # Given a key whose minute is used up
    issued = issue_key(make_world(tier="pro").company, mode="test", rate_limit=60)
    while server.request("GET", "/v1/whoami", secret=issued.client_secret).status == 200:
        pass
    # When the program that waits runs in each language at once
    page = [each for each in samples if each.page == "rate-limits"]
    running = [
        Running(
            samples,
            [each for each in page if each.language == language],
            tmp_path / language,
            issued.client_secret,
        )
        for language in LANGUAGES
    ]
    wait_for(running)
    # Then each was answered in the end
    for each in running:
        assert issued.client_id in each.result()


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_samples_of_each_language_are_run(language: Any) -> None:
    if language not in LANGUAGES:
        pytest.skip(
            f"The {language} samples were not run: this machine has no `{PROGRAMS[language]}`"
            " (`make test-clients` brings Go, and runs them)."
        )


def test_samples_name_only_this_server(samples: list[Sample], server: Any) -> None:
    strangers = [
        each.name
        for each in samples
        if each.language in PROGRAMS
        and re.search(r"https?://(?!example\.com|localhost:3000)[\w.:-]+", each.code.replace(server.url, ""))
    ]
    assert strangers == []
