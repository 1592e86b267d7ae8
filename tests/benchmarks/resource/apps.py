from core.resources import PomeloApp


class ResourceConfig(PomeloApp):
    """An extension that publishes a table as Django people do it first: a ModelViewSet with a ModelSerializer."""

    name = "tests.benchmarks.resource"
    label = "benchmark_resource"
    api_urls = "tests.benchmarks.resource.urls"
