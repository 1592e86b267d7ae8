"""How the OpenAPI document describes an endpoint."""

from drf_spectacular.openapi import AutoSchema


class ApiSchema(AutoSchema):
    """Describes what the pipeline adds to every operation."""
