"""The users, keys and servers used to trigger events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from core.principal import Mode
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import World, make_key, make_user
from tests.messaging.smtp import Mailhost
from tests.sandbox import SandboxProcess
from tests.webhooks.receiver import Receiver

Actor = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """Where the one entry must be, and who must stand in it.

    `company` is the company whose trail has it; None: the staff's own table, which all companies share, so that `where`
    has to single it out.
    """

    by: Actor
    company: Any = None
    where: dict[str, Any] = field(default_factory=dict)
    # Nothing that runs on a clock has a request.
    has_request: bool = True


@dataclass
class Scene:
    """What a provoker works with: a fresh world, its people signed in, and the servers outside."""

    world: World
    gateway: SandboxProcess
    receiver: Receiver
    mailhost: Mailhost
    settings: Any
    key: Any = None

    @cached_property
    def owner(self) -> Client:
        """The owner's browser."""
        return sign_in(self.world.owner, self.world.company)

    @cached_property
    def staff_member(self) -> User:
        """A member of staff with a second factor."""
        user = make_user("staff", is_staff=True, is_superuser=True)
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
        return user

    @cached_property
    def staff(self) -> Client:
        """Their browser."""
        return sign_in(self.staff_member)

    def api(self, *scopes: str, mode: Mode = "live", **options: Any) -> ApiClient:
        """Return an integrator's client with a new key, which `self.key` then is."""
        self.key = make_key(self.world.company, scopes=scopes, mode=mode, **options)
        return ApiClient(self.key.client_secret, ip=random_address())

    def act_as_staff(self, page: str, action: str, row: Any, **fields: Any) -> None:
        """Take an action with a reason on the staff site."""
        answer = self.staff.post(
            f"/staff/{page}/",
            {
                "action": action,
                "_selected_action": [str(row.pk)],
                "confirmed": "1",
                "named": str(row.pk) if page == "billing/tierlimits" else self.world.company.slug,
                "reason": "asked for by phone",
                **fields,
            },
        )
        assert answer.status_code == 302, answer.content

    # --- what the entry then has to say -------------------------------------------------------------------------------

    def by_owner(self, **options: Any) -> Written:
        """Written in the company's trail, by its owner."""
        return Written(("user", self.world.owner.public_id), self.world.company, **options)

    def by_key(self, **options: Any) -> Written:
        """Written in the company's trail, by the newest key."""
        return Written(("key", self.key.client_id), self.world.company, **options)

    def by_staff(self, **options: Any) -> Written:
        """Written in the company's trail, by the member of staff."""
        return Written(("staff", self.staff_member.public_id), self.world.company, **options)

    def by_pomelo(self, name: str) -> Written:
        """Written in the company's trail, by a part of Pomelo that runs on the clock."""
        return Written(("system", name), self.world.company, has_request=False)


Provoker = Callable[[Scene], Written]
PROVOKERS: dict[str, Provoker] = {}


def provokes(kind: str) -> Callable[[Provoker], Provoker]:
    """Register the way to bring about events of type `kind`."""

    def register(provoker: Provoker) -> Provoker:
        assert kind not in PROVOKERS
        PROVOKERS[kind] = provoker
        return provoker

    return register
