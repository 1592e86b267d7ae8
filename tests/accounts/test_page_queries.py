"""The queries of every dashboard page: the session, the person's memberships, and a list's saved filters."""

import uuid
from datetime import timedelta
from uuid import UUID

from django.contrib.sessions.models import Session

from accounts.models import Membership, SavedFilter
from accounts.selectors import list_saved_filters, memberships_of
from accounts.services import save_filter
from core import clock
from core.operations.session_store import SessionStore
from core.tenancy import system_context, tenant_context
from tests.factories import World, join, make_company, make_user


def test_memberships_query_matches_the_orm(world: World) -> None:
    person = make_user("several")
    for name in ("Zulu", "Alpha"):
        join(make_company(name, world.owner), person, "viewer")
    for user in (person, world.owner, make_user("nobody")):
        found = memberships_of(user)
        with system_context(reason="tests"):
            expected = list(
                Membership.objects.filter(user=user).select_related("company").order_by("company__name")
            )

        assert [one.__dict__ | {"_state": None} for one in found] == [
            one.__dict__ | {"_state": None} for one in _with_user(expected, user)
        ]
        assert [vars(one.company) | {"_state": None} for one in found] == [
            vars(one.company) | {"_state": None} for one in expected
        ]
        assert all(membership.user is user for membership in found)
        assert not any(one._state.adding for one in found)


def _with_user(memberships: list[Membership], user: object) -> list[Membership]:
    for one in memberships:
        one.user = user
    return memberships


def test_saved_filters_are_those_of_the_member_the_page_and_the_company(world: World) -> None:
    [member], [outsider] = memberships_of(world.owner), memberships_of(world.outsider)
    with tenant_context(world.tenant()):
        for name in ("late", "early"):
            save_filter(member=member, page="/customers/", query=f"q={name}", name=name)
        save_filter(member=member, page="/keys/", query="q=x", name="elsewhere")
    with tenant_context(world.other_tenant()):
        save_filter(member=outsider, page="/customers/", query="q=foreign", name="foreign")
        assert [one.name for one in list_saved_filters(outsider, page="/customers/")] == ["foreign"]
        # The second wall, and the company of now among the values: nobody else's, whoever is asked for.
        assert list_saved_filters(member, page="/customers/") == []
    with tenant_context(world.tenant()):
        assert [one.name for one in list_saved_filters(member, page="/customers/")] == ["early", "late"]
        assert isinstance(list_saved_filters(member, page="/keys/")[0], SavedFilter)


def test_session_is_found_until_it_expires() -> None:
    store = SessionStore()
    store["company"] = str(UUID(int=7))
    store.save()

    assert SessionStore(store.session_key)["company"] == str(UUID(int=7))
    assert SessionStore(uuid.uuid4().hex).get("company") is None
    Session.objects.filter(session_key=store.session_key).update(
        expire_date=clock.now() - timedelta(seconds=1)
    )
    late = SessionStore(store.session_key)
    assert late.get("company") is None
    assert late.session_key is None
