"""A setting outside of what it can be is refused at the start, and not brought into its range without a word."""

from typing import Any

import pytest

from core.checks import check_settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AUDIT_SIGN_SECONDS", 301.0, "AUDIT_SIGN_SECONDS is 301.0: use 0 to 300."),
        ("AUDIT_SIGN_SECONDS", float("nan"), "AUDIT_SIGN_SECONDS is nan: use 0 to 300."),
        ("AUDIT_RETENTION_DAYS", 0, "AUDIT_RETENTION_DAYS is 0: use 1 to 36500."),
        ("API_KEY_BCRYPT_ROUNDS", 32, "API_KEY_BCRYPT_ROUNDS is 32: use 4 to 31."),
        ("BODY_TIMEOUT_SECONDS", 0.0, "BODY_TIMEOUT_SECONDS is 0.0: use 0.1 to 3600."),
        ("EMAIL_TIMEOUT", 0, "EMAIL_TIMEOUT_SECONDS is 0: use 1 to 600."),
        ("GATEWAY_TIMEOUT_SECONDS", 0.0, "GATEWAY_TIMEOUT_SECONDS is 0.0: use 0.1 to 600."),
        ("WEBHOOK_CONCURRENCY", 0, "WEBHOOK_CONCURRENCY is 0: use 1 to 100000."),
        ("WEBHOOK_LEASE_SECONDS", 15.0, "WEBHOOK_LEASE_SECONDS is 15.0: calls that take longer are sent twice."),
    ],
)  # fmt: skip
def test_an_out_of_range_setting_is_refused_at_startup(
    settings: Any, name: str, value: float, said: str
) -> None:
    assert check_settings(None) == []

    setattr(settings, name, value)

    assert [one.msg for one in check_settings(None)] == [said]
