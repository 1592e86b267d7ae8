from core.resources import MenuEntry, PomeloApp, Resource, Scope


class BookingsConfig(PomeloApp):
    """An app as a company would write its own: made by `startresource`, with an action added by hand (docs/extending.md)."""

    name = "tests.example_app"
    label = "bookings"
    api_urls = "tests.example_app.api.urls"
    examples = "tests.example_app.api.examples"
    page_urls = "tests.example_app.dashboard.urls"
    resources = (
        Resource(
            name="bookings",
            object="booking",
            prefix="bkg",
            description="The company's bookings.",
        ),
    )
    scopes = (
        Scope("bookings:read", "Bookings", "List and read bookings"),
        Scope("bookings:write", "Bookings", "Create, change and delete bookings", writes=True),
        Scope("bookings:confirm", "Bookings", "Confirm bookings", writes=True),
    )
    menu = (MenuEntry("business", "Bookings", "/bookings/", "clock"),)
