"""How to bring about what the service of bookings refuses (see tests.contracts.refusals)."""

from tests.contracts.refusing import Outcome, client_of, refusal
from tests.example_app.tests.samples import booking_fields, make_booking
from tests.factories import World


@refusal
def booking_reference_taken(world: World) -> Outcome:
    client, first = client_of(world), booking_fields(world.tenant())
    assert client.post("/v1/bookings", first).status == 201
    again = {**booking_fields(world.tenant()), "reference": first["reference"]}
    return client.post("/v1/bookings", again)


@refusal
def booking_already_confirmed(world: World) -> Outcome:
    client, path = client_of(world), f"/v1/bookings/{make_booking(world.tenant())}/confirm"
    assert client.post(path).status == 200
    return client.post(path)
