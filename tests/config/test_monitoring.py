"""Metrics, alerts, dashboards and runbooks are consistent."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from prometheus_client import REGISTRY

from config import worker_metrics
from config.door import signals
from core.background import jobs
from tests.engines import ROOT
from tests.live import web_process
from tests.waiting import wait_until

RULES = ROOT / "deploy/prometheus-rules.yaml"
APPS = ("accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks")
_SUFFIXES = re.compile(r"_(bucket|count|sum)$")


def made() -> set[str]:
    """Return the names of the metrics that the program makes."""
    source = "\n".join(file.read_text() for app in APPS for file in (ROOT / app).rglob("*.py"))
    return set(re.findall(r"\"(pomelo_[a-z_]+)\"", source))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    panels = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())["panels"]
    return [rule["expr"] for rule in alerts()] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]


def test_alerts_and_dashboards_use_existing_metrics() -> None:
    asked = {
        _SUFFIXES.sub("", name) for text in expressions() for name in re.findall(r"pomelo_[a-z_]+", text)
    }
    assert len(asked) > 12
    assert asked - made() == set()


def test_every_alert_has_a_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs/runbooks/alerts.md").read_text(), re.MULTILINE)
    assert sections == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/runbooks/alerts.md#{rule['alert'].lower()}"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")
def test_prometheus_accepts_the_rules_and_dashboard_queries(tmp_path: Path) -> None:
    asked = [{"record": f"picture:{number}", "expr": text} for number, text in enumerate(expressions())]
    pictures = tmp_path / "pictures.yaml"
    pictures.write_text(yaml.safe_dump({"groups": [{"name": "pictures", "rules": asked}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", RULES, pictures], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_requests_are_counted_where_they_come_in() -> None:
    with web_process(workers=1) as web:
        web.request("GET", "/v1/whoami")
        web.request("GET", "/accounts/login/")
        web.request("BREW", "/accounts/login/")

        def missing() -> list[str]:
            text = web.request("GET", "/metrics").content.decode()
            lines = (
                'pomelo_requests_total{method="GET",status="401",surface="api"} 1.0',
                'pomelo_requests_total{method="GET",status="200",surface="pages"} 1.0',
                'pomelo_requests_total{method="other",',  # whoever invents methods makes no series of their own
                'pomelo_request_seconds_count{surface="api"} 1.0',
                "pomelo_request_wait_seconds_count 3.0",  # the metrics themselves need no slot
            )
            return [line for line in lines if line not in text]

        # A request is counted when its response has been sent, so the caller may ask before that.
        wait_until(lambda: not missing(), missing)


def test_refused_requests_are_counted() -> None:
    before = REGISTRY.get_sample_value("pomelo_requests_turned_away_total", {"status": "413"}) or 0
    signals.TURNED_AWAY.labels("413").inc()
    with web_process(workers=1) as web:
        web.raw(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n")
        text = web.request("GET", "/metrics").content.decode()
    assert 'pomelo_requests_turned_away_total{status="413"} 1.0' in text
    assert REGISTRY.get_sample_value("pomelo_requests_turned_away_total", {"status": "413"}) == before + 1


class Request:
    def __init__(self, headers: dict[str, str] | None) -> None:
        self.headers = headers


class Task:
    name = "test.work"

    def __init__(self, headers: dict[str, str] | None) -> None:
        self.request = Request(headers)


@pytest.mark.parametrize(
    ("sent", "output"),
    [
        ("req_01m8js3fbhepns85dnnr283mrd", "req_01m8js3fbhepns85dnnr283mrd"),
        ("req_x\nforged line", None),  # whoever writes to the broker does not write to the log
        (None, None),
    ],
)
def test_worker_log_names_the_task_and_its_originating_request(sent: str | None, output: str | None) -> None:
    task = Task({jobs.REQUEST_HEADER: sent} if sent else None)
    worker_metrics._begin("id-1", task)
    bound = structlog.contextvars.get_contextvars()
    assert (bound["task"], bound["task_id"], bound.get("request_id")) == ("test.work", "id-1", output)
    worker_metrics._end("id-1", task, state="SUCCESS")
    assert structlog.contextvars.get_contextvars() == {}
    assert REGISTRY.get_sample_value("pomelo_tasks_total", {"task": "test.work", "outcome": "success"}) >= 1


def test_request_id_is_passed_to_background_work(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(jobs, "_send", lambda name, kwargs, headers: sent.append(headers))
    with structlog.contextvars.bound_contextvars(request_id="req_01m8js3fbhepns85dnnr283mrd"):
        jobs.enqueue("test.work")
    jobs.enqueue("test.work")
    assert sent == [{jobs.REQUEST_HEADER: "req_01m8js3fbhepns85dnnr283mrd"}, {}]
