"""Process arguments are readable by other processes (`ps`, /proc), and contain no secret."""

import os
import re
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import yaml
from django.conf import settings

from tests.engines import ROOT

SECRET = re.compile(r"\$\{?\w*(?:PASSWORD|SECRET|TOKEN|PEPPER|_KEYS?)\b", re.IGNORECASE)


def commands_of(service: dict[str, Any]) -> str:
    return " ".join(
        str(service.get(part, ""))
        for part in ("command", "entrypoint", "args", "healthcheck", "livenessProbe")
    )


def test_compose_file_has_no_secrets_in_arguments() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]

    assert len(services) >= 6
    assert {
        name: found for name, each in services.items() if (found := SECRET.findall(commands_of(each)))
    } == {}


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml"))
)
def test_manifests_have_no_secrets_in_arguments(name: str) -> None:
    def walk(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = SECRET.findall(commands_of(node))
            return own + [found for each in node.values() for found in walk(each)]
        return [found for each in node for found in walk(each)] if isinstance(node, list) else []

    documents = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / name).read_text()))

    assert walk(documents) == []


def test_running_servers_have_no_secrets_in_arguments() -> None:
    secrets = {
        secret
        for url in (settings.VALKEY_URL, os.environ["DATABASE_URL"], os.environ.get("DATABASE_OWNER_URL", ""))
        if (secret := urlsplit(url).password)
    }
    assert secrets

    shown = []
    for process in psutil.process_iter():
        try:
            arguments = " ".join(process.cmdline())
        except psutil.Error:
            continue
        shown += [process.name() for secret in secrets if secret in arguments]

    assert shown == []
