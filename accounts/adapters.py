"""How django-allauth behaves here: where people go after signing in, and who they are seen as."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.urls import reverse


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up, sign-in and their mails."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that core.middleware decided on, which trusts only TRUSTED_PROXIES."""
        address: str = request.client_ip  # type: ignore[attr-defined]
        return address

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        """Send a new person on to what they were invited to, or to create their company."""
        return reverse("accounts:create_company")

    def is_safe_url(self, url: str | None) -> bool:
        """Follow only paths of this site, never another host's address."""
        return bool(url) and str(url).startswith("/") and super().is_safe_url(url)
