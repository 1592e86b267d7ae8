"""What `make run` prints holds no password of the operator's."""

from pathlib import Path

import pytest

from config.run.banner import mail_destination


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "written to files in /data/mail"),
        ({"EMAIL_URL": ""}, "written to files in /data/mail"),
        ({"EMAIL_URL": "consolemail://"}, "consolemail://"),
        ({"EMAIL_URL": "smtp+tls://ada:hunter2@mail.example:587"}, "sent by mail.example"),
        ({"EMAIL_URL_FILE": "/run/mail"}, "sent by the server that /run/mail names"),
    ],
)
def test_banner_says_where_emails_go_without_a_password(environment: dict[str, str], shown: str) -> None:
    assert mail_destination(environment, Path("/data")) == shown
