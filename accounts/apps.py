from core.resources import MenuEntry, PomeloApp, Resource


class AccountsConfig(PomeloApp):
    """People, companies, memberships and invitations."""

    name = "accounts"
    page_urls = "accounts.dashboard.urls"
    resources = (Resource(name="companies", object="company", prefix="co", label="Company"),)
    menu = (
        MenuEntry("company", "Team", "/team/", "user", 20),
        MenuEntry("company", "Settings", "/settings/", "settings", 40),
    )
    finders = ("accounts.finding.find",)
    namers = ("accounts.finding.name",)
    audit_labels = {"member": "Team", "user": "Sign-ins"}

    def ready(self) -> None:
        """Connect allauth's signals, once its models are loaded."""
        from accounts.adapters import connect_signals
        from core.security.rotation import ENCRYPTED_COLUMNS, EncryptedColumn

        ENCRYPTED_COLUMNS.append(EncryptedColumn("mfa_authenticator", "data", "json"))
        connect_signals()
