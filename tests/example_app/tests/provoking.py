"""How the events of bookings come about, beside those that an operation of the same name brings about."""

from tests.audit.scene import Scene, Written, provokes
from tests.example_app.tests.samples import make_booking


@provokes("booking.confirmed")
def confirmed(scene: Scene) -> Written:
    path = f"/v1/bookings/{make_booking(scene.world.tenant())}/confirm"
    assert scene.api("bookings:confirm").post(path).status == 200
    return scene.by_key()
