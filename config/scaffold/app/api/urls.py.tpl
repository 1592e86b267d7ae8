"""URLs of `/v1/{{ app }}`."""

from {{ app }}.api.views import {{ model }}ViewSet
from core.api.routers import Router

router = Router()
router.register("{{ app }}", {{ model }}ViewSet, "{{ object }}")

urlpatterns = router.urls
