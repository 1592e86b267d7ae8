"""Forged broker messages: a tenant's task runs only for a message with our recent seal."""

import time
from importlib import import_module
from typing import Any

import pytest
from celery import Task

from config.celery import app
from core.background import jobs
from core.background.jobs import (
    COMPANY_HEADER,
    MODE_HEADER,
    SEAL_HEADER,
    TaskWithoutTenant,
    tenant_headers,
    tenant_task,
)
from core.tenancy import current_tenant
from tests.factories import World

RAN: list[object] = []


@tenant_task(name="tests.note_tenant")
def note_tenant(**kwargs: Any) -> None:
    """Remember in which tenant the task ran."""
    RAN.append((current_tenant(), kwargs))


def deliver(headers: dict[str, str], task: Task = note_tenant, **kwargs: Any) -> None:
    """Run a message with these headers as a worker would."""
    task.apply(kwargs=kwargs, headers=headers, throw=True).get()


@pytest.fixture(autouse=True)
def _forget() -> None:
    RAN.clear()


def test_sealed_task_message_runs_in_its_tenant(world: World) -> None:
    deliver(tenant_headers("tests.note_tenant", {"n": 1}, world.tenant()), n=1)
    assert [(world.tenant(), {"n": 1})] == RAN


def test_forged_task_message_is_ignored(world: World) -> None:
    with pytest.raises(TaskWithoutTenant):
        deliver({COMPANY_HEADER: str(world.company.id), MODE_HEADER: "live"})
    assert RAN == []


def test_seal_is_valid_for_its_own_message_only(world: World) -> None:
    own = tenant_headers("tests.note_tenant", {"n": 1}, world.tenant())
    other = tenant_headers("apikeys.notify_clamped_keys", {}, world.tenant())
    for headers, kwargs in (
        (own | {COMPANY_HEADER: str(world.other_company.id)}, {"n": 1}),
        (own | {MODE_HEADER: "test"}, {"n": 1}),
        (own, {"n": 2}),
        (own, {}),
        (own | {SEAL_HEADER: other[SEAL_HEADER]}, {"n": 1}),
        (own | {SEAL_HEADER: "x"}, {"n": 1}),
    ):
        with pytest.raises(TaskWithoutTenant):
            deliver(headers, **kwargs)
    assert RAN == []


def test_sealed_task_message_cannot_be_replayed_forever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = tenant_headers("tests.note_tenant", {}, world.tenant())
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + jobs.HINT_SECONDS + 121)
    with pytest.raises(TaskWithoutTenant):
        deliver(headers)
    assert RAN == []


def test_workers_cannot_be_stopped_through_the_broker() -> None:
    assert app.conf.worker_enable_remote_control is False


def test_every_task_that_takes_arguments_or_a_tenant_is_sealed() -> None:
    """What a made-up message to any other task could do is what beat does by itself every few seconds."""
    for name in ("apikeys", "audit", "billing", "core", "messaging", "webhooks"):
        import_module(f"{name}.tasks")
    app.finalize()
    own = {
        name: task for name, task in app.tasks.items() if name.partition(".")[0] not in ("celery", "tests")
    }
    assert len(own) >= 15
    unsealed = {
        name
        for name, task in own.items()
        if not task.__bound__ and task.run.__code__.co_argcount + task.run.__code__.co_kwonlyargcount > 0
    }
    assert unsealed == set()
