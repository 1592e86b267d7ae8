"""DRF throttles for tier limits: each class names a policy and the tier's limit it uses (docs/architecture.md, Limits).

A policy consists of its class and a column of the tier. Authentication takes tokens for all policies of a view in one
atomic call; the throttle only reads the result. Any other DRF throttle can be used alongside these.
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
    """Base class of policies whose limit comes from the company's tier.

    `policy` appears in the headers and names the bucket, which belongs to one key (`per_key`) or is shared by all keys of a
    company and mode. `limit` names the tier's limit, in requests per `window` seconds. With `methods`, only those are counted.
    """

    policy: ClassVar[str] = ""
    limit: ClassVar[str] = ""
    per_key: ClassVar[bool] = False
    window: ClassVar[int] = 60
    methods: ClassVar[frozenset[str] | None] = None

    _wait: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Reject a policy whose name is not valid in a header."""
        super().__init_subclass__(**kwargs)
        if not _NAME.fullmatch(cls.policy) or not cls.limit:
            raise TypeError(f"{cls.__qualname__} needs a policy (a lower-case word) and a limit.")

    @classmethod
    def applies_to(cls, method: str | None) -> bool:
        """Return whether requests with `method` are counted. HEAD counts as GET, since it does the same work."""
        return cls.methods is None or ("GET" if method == "HEAD" else method) in cls.methods

    @classmethod
    def quota(cls, tier: Mapping[str, int], key_limit: int) -> int:
        """Return the number of requests per window. `tier` has the company's limits, `key_limit` is the key's own."""
        return tier[cls.limit]

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return whether there was a token. Raises ImproperlyConfigured for a request without a key."""
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
        """Return the seconds until the next token."""
        return self._wait


class KeyThrottle(TierThrottle):
    """The key's own limit, capped by its tier's. The stored limit is kept, so a higher tier restores it."""

    policy = "key"
    limit = "requests_per_minute"
    per_key = True

    @classmethod
    def quota(cls, tier: Mapping[str, int], key_limit: int) -> int:
        """Return the smaller of both."""
        return min(key_limit, tier[cls.limit])


class CompanyThrottle(TierThrottle):
    """The limit shared by all keys of a company and mode, so that more keys do not raise it."""

    policy = "company"
    limit = "requests_per_minute"
