"""`GET /v1/whoami`: what the key that calls is and may do."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from apikeys.api.serializers import WhoAmIOutput
from apikeys.authentication import GuardedRequest
from core.api.rendering import reply
from core.api.scopes import ANY_KEY
from core.api.views import ApiView


class WhoAmI(ApiView):
    """Describes the calling key. Needs no scope and no SQL: everything is in the grant."""

    scopes = {"GET": ANY_KEY}
    needs_database = False

    @extend_schema(operation_id="whoami", responses=WhoAmIOutput)
    def get(self, request: GuardedRequest, **kwargs: Any) -> HttpResponse:
        """Return the key, its company, mode, scopes and limits."""
        return reply(request.grant.description)
