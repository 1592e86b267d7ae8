"""Triggers for events about keys: created, changed and revoked on the dashboard, used over the API, expired."""

from datetime import timedelta
from typing import Any

from apikeys.dashboard.forms import initial_values
from apikeys.keys import generate
from apikeys.services.notices import notify_expiry, remind_rotation
from core import clock
from tests.apikeys.found_keys import report
from tests.audit.scene import Scene, Written, provokes
from tests.clients import ApiClient, random_address
from tests.factories import make_key

JUDGE = ("system", "apikeys.evaluate_reports")


def page(key: Any, step: str) -> str:
    return f"/keys/{key.client_id}/{step}/"


@provokes("api_key.created")
def created(scene: Scene) -> Written:
    form = {
        "name": "shop",
        "kind": "server",
        "scopes": ["customers:read"],
        "expiry": "90",
        "rate_limit": "60",
    }
    assert scene.owner.post("/keys/new/", form).status_code == 200
    return scene.by_owner()


@provokes("api_key.updated")
def updated(scene: Scene) -> Written:
    key = make_key(scene.world.company)
    form = {name: value for name, value in initial_values(key.key).items() if value is not None}
    assert scene.owner.post(page(key, "edit"), {**form, "name": "renamed"}).status_code == 302
    return scene.by_owner()


@provokes("api_key.rotated")
def rotated(scene: Scene) -> Written:
    assert (
        scene.owner.post(page(make_key(scene.world.company), "rotate"), {"overlap": "none"}).status_code
        == 200
    )
    return scene.by_owner()


@provokes("api_key.overlap_ended")
def overlap_ended(scene: Scene) -> Written:
    key = make_key(scene.world.company)
    scene.owner.post(page(key, "rotate"), {"overlap": "24h"})
    assert scene.owner.post(page(key, "end-overlap")).status_code == 302
    return scene.by_owner()


@provokes("api_key.revoked")
def revoked(scene: Scene) -> Written:
    assert scene.owner.post(page(make_key(scene.world.company), "revoke")).status_code == 302
    return scene.by_owner()


@provokes("api_key.restored")
def restored(scene: Scene) -> Written:
    key = make_key(scene.world.company)
    scene.owner.post(page(key, "revoke"))
    assert scene.owner.post(page(key, "undo")).status_code == 302
    return scene.by_owner()


@provokes("api_key.expiring")
def expiring(scene: Scene) -> Written:
    make_key(scene.world.company, expires_at=clock.now() + timedelta(days=3))
    while notify_expiry(now=clock.now()):
        pass
    return scene.by_pomelo("apikeys.notify_expiry")


@provokes("api_key.expired")
def expired(scene: Scene) -> Written:
    make_key(scene.world.company, expires_at=clock.now() + timedelta(hours=1))
    while notify_expiry(now=clock.now() + timedelta(hours=2)):
        pass
    return scene.by_pomelo("apikeys.notify_expiry")


@provokes("api_key.rotation_due")
def rotation_due(scene: Scene) -> Written:
    make_key(scene.world.company)
    while remind_rotation(now=clock.now() + timedelta(days=91)):
        pass
    return scene.by_pomelo("apikeys.remind_rotation")


@provokes("api_key.exposed")
def exposed(scene: Scene) -> Written:
    client = scene.api("customers:read")
    scene.settings.REQUIRE_HTTPS = True
    for _ in range(2):
        assert client.get("/v1/whoami").code == "https_required"
    return scene.by_key()


@provokes("api_key.dead_secret_reported")
def dead_secret_reported(scene: Scene) -> Written:
    key = make_key(scene.world.company)
    scene.owner.post(page(key, "revoke"))
    report(key.client_secret)
    return Written(JUDGE, scene.world.company)


@provokes("api_key.unknown_secret_reported")
def unknown_secret_reported(scene: Scene) -> Written:
    address = random_address()
    report(generate("live").text, ip=address)
    return Written(JUDGE, where={"ip": address})


@provokes("api_key.authenticated")
def authenticated(scene: Scene) -> Written:
    client = scene.api("customers:read")
    for _ in range(3):
        assert client.get("/v1/whoami").status == 200
    return scene.by_key()


@provokes("api_key.refused")
def refused(scene: Scene) -> Written:
    assert scene.api("customers:read").get("/v1/invoices").code == "insufficient_scope"
    return scene.by_key()


@provokes("api_key.authentication_failed")
def authentication_failed(scene: Scene) -> Written:
    stranger = ApiClient("pm_live_nonsense", ip=random_address())
    assert stranger.get("/v1/whoami").code == "invalid_credentials"
    return Written(("system", "anonymous"), where={"ip": stranger.ip})
