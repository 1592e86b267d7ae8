"""A company's short name is unique, and generated from its name by default."""

import uuid

import pytest

from accounts.models import Company
from accounts.services.companies import SlugTaken, create_company
from core.values import ids
from tests.factories import SYSTEM, World


def create_company_with_id(company_id: uuid.UUID, world: World, monkeypatch: pytest.MonkeyPatch) -> Company:
    new_id, given = ids.new_id, iter([company_id])
    with monkeypatch.context() as patch:
        patch.setattr(ids, "new_id", lambda: next(given, None) or new_id())
        return create_company(name="Initech", owner=world.owner, actor=SYSTEM)


def test_generated_short_name_that_collides_is_generated_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ids.new_id(), ids.new_id()
    second = uuid.UUID(hex=second.hex[:-6] + first.hex[-6:])

    one = create_company_with_id(first, world, monkeypatch)
    other = create_company_with_id(second, world, monkeypatch)

    assert (one.slug, other.slug) == (f"initech-{first.hex[-6:]}", f"initech-{second.hex[-12:]}")


def test_chosen_short_name_is_used_unchanged_or_refused(world: World) -> None:
    chosen = f"chosen-{world.company.id.hex[-12:]}"
    assert create_company(name="Initech", slug=chosen, owner=world.owner, actor=SYSTEM).slug == chosen
    with pytest.raises(SlugTaken):
        create_company(name="Initech", slug=chosen, owner=world.owner, actor=SYSTEM)
