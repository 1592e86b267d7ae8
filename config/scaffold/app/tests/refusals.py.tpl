"""Triggers each error of the {{ word }} services (see tests.contracts.refusals)."""

from tests.contracts.refusing import Outcome, client_of, refusal
from tests.factories import World
from {{ tests }}.samples import {{ object }}_fields

{% for field in uniques %}

@refusal
def {{ field.code }}(world: World) -> Outcome:
    client, first = client_of(world), {{ object }}_fields(world.tenant())
    assert client.post("/v1/{{ app }}", first).status == 201
    again = { **{{ object }}_fields(world.tenant()), "{{ field.name }}": first["{{ field.name }}"]}
    return client.post("/v1/{{ app }}", again)
{% endfor %}
