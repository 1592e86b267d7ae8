"""`GET /v1/whoami`: describes the calling key and its permissions."""

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apikeys.access import KeyAccess
from apikeys.api.serializers import WhoAmIOutput
from core.api.access import ApiRequest
from core.api.scopes import ANY_KEY
from core.api.views import APIView


class WhoAmI(APIView):
    """Describes the calling key. Needs no scope and no SQL: everything is in the grant."""

    scopes = ANY_KEY
    needs_database = False

    @extend_schema(operation_id="whoami", responses=WhoAmIOutput)
    def get(self, request: ApiRequest) -> Response:
        """Return the key, its company, mode, scopes and limits."""
        return Response(cast(KeyAccess, request.auth).grant.description)
