from core.resources import MenuEntry, PomeloApp, Resource, Scope


class {{ config }}Config(PomeloApp):
    """The company's {{ words }}."""

    name = "{{ app }}"
    api_urls = "{{ app }}.api.urls"
    examples = "{{ app }}.api.examples"
    page_urls = "{{ app }}.dashboard.urls"
    resources = (
        Resource(
            name="{{ app }}",
            object="{{ object }}",
            prefix="{{ prefix }}",
            description="The company's {{ words }}.",
        ),
    )
    scopes = (
        Scope("{{ app }}:read", "{{ title }}", "List and read {{ words }}"),
        Scope("{{ app }}:write", "{{ title }}", "Create, change and delete {{ words }}", writes=True),
    )
    menu = (MenuEntry("business", "{{ title }}", "/{{ app }}/", "{{ icon }}"),)
