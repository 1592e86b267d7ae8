"""Triggers for events about exports, and about staff viewing a company."""

from core import clock
from tests.audit.rows import seal_all
from tests.audit.scene import Scene, Written, provokes


@provokes("audit.exported")
def exported(scene: Scene) -> Written:
    b"".join(scene.owner.get("/audit/export.csv"))
    return scene.by_owner()


@provokes("audit.proof_downloaded")
def proof_downloaded(scene: Scene) -> Written:
    seal_all()
    answer = scene.owner.get(f"/audit/proof/entries?day={clock.now():%Y-%m-%d}")
    assert answer.status_code == 200
    b"".join(answer)
    return scene.by_owner()


@provokes("staff.viewed")
def viewed(scene: Scene) -> Written:
    page = f"/staff/accounts/company/{scene.world.company.id}/change/"
    assert scene.staff.get(page).status_code == 200
    return scene.by_staff()


@provokes("staff.listed")
def listed(scene: Scene) -> Written:
    assert scene.staff.get(f"/staff/accounts/company/?q={scene.world.company.slug}").status_code == 200
    return scene.by_staff(where={"detail__objects": [scene.world.company.public_id]})
