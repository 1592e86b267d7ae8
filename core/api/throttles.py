"""DRF's throttles for the limits of tiers: a class names a policy and the tier's number that fills it (docs/architecture.md, Limits).

A policy is its class and a column of the tier, nothing else. Authentication takes from the buckets of all of a view's
policies in one call, all or none; the throttle only reads what came of it. Any other throttle of DRF works beside these.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.api.access import Access

if TYPE_CHECKING:
    # DRF loads this module while it is importing its views.
    from rest_framework.views import APIView

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class TierThrottle(BaseThrottle):
    """Base of the policies whose number comes from the company's tier.

    `policy` appears in the headers and names the bucket, which is the key's own (`per_key`) or shared by all keys of a company
    and mode. `limit` is the name of the tier's number: requests per `window` seconds. With `methods`, only they are counted.
    """

    policy: ClassVar[str] = ""
    limit: ClassVar[str] = ""
    per_key: ClassVar[bool] = False
    window: ClassVar[int] = 60
    methods: ClassVar[frozenset[str] | None] = None

    _wait: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a policy whose name could not stand in a header."""
        super().__init_subclass__(**kwargs)
        if not _NAME.fullmatch(cls.policy) or not cls.limit:
            raise TypeError(f"{cls.__qualname__} needs a policy (a lower-case word) and a limit.")

    @classmethod
    def applies_to(cls, method: str | None) -> bool:
        """Tell whether requests with `method` are counted. HEAD is counted as GET, whose work it does."""
        return cls.methods is None or ("GET" if method == "HEAD" else method) in cls.methods

    @classmethod
    def quota(cls, tier: Mapping[str, int], key_limit: int) -> int:
        """Return how many requests the window admits. `tier` has the company's numbers, `key_limit` is the key's own."""
        return tier[cls.limit]

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Tell whether there was a token. Raises ImproperlyConfigured for a request without a key."""
        if not self.applies_to(request.method):
            return True
        access: Any = request.auth
        if not isinstance(access, Access):
            raise ImproperlyConfigured(f"{type(self).__name__} counts by key: it needs ApiKeyAuthentication.")
        if access.admits(self.policy):
            return True
        self._wait = access.wait(self.policy)
        return False

    def wait(self) -> float | None:
        """Return the seconds until there will be one."""
        return self._wait


class KeyThrottle(TierThrottle):
    """The key's own limit, up to its tier's. Clamped here, never rewritten: a higher tier gives it back."""

    policy = "key"
    limit = "requests_per_minute"
    per_key = True

    @classmethod
    def quota(cls, tier: Mapping[str, int], key_limit: int) -> int:
        """Return the smaller of both."""
        return min(key_limit, tier[cls.limit])


class CompanyThrottle(TierThrottle):
    """What all keys of a company and mode may send together, so that more keys do not buy more."""

    policy = "company"
    limit = "requests_per_minute"
