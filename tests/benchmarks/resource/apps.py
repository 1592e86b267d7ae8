from core.resources import PomeloApp


class ResourceConfig(PomeloApp):
    """An extension that exposes a table in the usual DRF way: a ModelViewSet with a ModelSerializer."""

    name = "tests.benchmarks.resource"
    label = "benchmark_resource"
    api_urls = "tests.benchmarks.resource.urls"
