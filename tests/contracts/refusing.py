"""What the ways to be refused have in common: how each is registered, and what it returns."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse

from accounts.models import User
from core.api.scopes import SCOPES
from core.errors import DomainError
from tests.clients import ApiAnswer, ApiClient, random_address, sign_in
from tests.factories import World, make_key


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser was shown, and the words by which it tells of the refusal (None: the error's own)."""

    response: HttpResponse
    says: str | None


Outcome = ApiAnswer | Page | DomainError
Refusal = Callable[[World], Outcome]
REFUSALS: dict[str, Refusal] = {}

ADA = {"name": "Ada Lovelace"}


def refusal(function: Refusal) -> Refusal:
    """Register a function under its name, which is the code it brings about."""
    REFUSALS[function.__name__] = function
    return function


def client_of(world: World, **chosen: object) -> ApiClient:
    """Return a client whose key may do everything, unless `chosen` says otherwise."""
    settings = {"scopes": list(SCOPES), "rate_limit": 60, **chosen}
    return ApiClient(make_key(world.company, **settings).client_secret, ip=random_address())


def page(world: World, user: User, path: str, *, says: str | None = None, **data: str) -> Page:
    """Send a form as `user`, and follow where the answer leads."""
    return Page(sign_in(user, world.company).post(path, data, follow=True), says)


@contextlib.contextmanager
def caught() -> Iterator[list[DomainError]]:
    """Collect the error that the block raises."""
    errors: list[DomainError] = []
    with pytest.raises(DomainError) as raised:
        yield errors
    errors.append(raised.value)
