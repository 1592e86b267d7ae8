"""System checks: settings that prevent startup, with hints for fixing them."""

from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.http.request import split_domain_port

from core.values.urls import is_http_url

# Settings by their environment variables (the last column is the setting's name, if different), with their minimum and maximum.
# Other values would disable something, make it wait forever, or prune everything.
_RANGES = (
    ("API_KEY_BCRYPT_ROUNDS", 4, 31, ""),
    ("AUDIT_RETENTION_DAYS", 1, 36_500, ""),
    ("AUDIT_SIGN_SECONDS", 0, 300, ""),
    ("BODY_TIMEOUT_SECONDS", 0.1, 3_600, ""),
    ("COMPANIES_PER_PERSON", 0, 1_000_000, ""),
    ("DATABASE_POOL_SIZE", 1, 10_000, ""),
    ("DATABASE_POOL_TIMEOUT", 0.1, 600, ""),
    ("EMAIL_TIMEOUT_SECONDS", 1, 600, "EMAIL_TIMEOUT"),
    ("GATEWAY_TIMEOUT_SECONDS", 0.1, 600, ""),
    ("HSTS_SECONDS", 0, 315_360_000, ""),
    ("INVITATIONS_PER_DAY", 0, 1_000_000, ""),
    ("SENDER_DOMAINS_PER_COMPANY", 0, 1_000_000, ""),
    ("SMS_SENDERS_PER_COMPANY", 0, 1_000_000, ""),
    ("WEBHOOK_CONCURRENCY", 1, 100_000, ""),
    ("WEBHOOK_TIMEOUT_SECONDS", 0.1, 600, ""),
)


@register(Tags.security)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check Pomelo's own settings."""
    found: list[CheckMessage] = []
    for name in ("TRUSTED_PROXIES", "WEBHOOK_ALLOWED_NETWORKS"):
        try:
            for network in getattr(settings, name):
                ip_network(network.strip(), strict=False)
        except ValueError as error:
            found.append(Error(f"{name} is not a list of CIDRs: {error}.", id="pomelo.E010"))
    choices = {
        "RATE_LIMIT_FAILURE_MODE": ("local", "open", "closed"),
        "API_KEY_HASHER": ("bcrypt_sha256", "sha256"),
        "SECRET_STORE": ("database", "vault"),
        "FORWARDED_HEADER": ("x-forwarded-for", "forwarded"),
        "VAULT_AUTH": ("token", "approle", "kubernetes"),
    }
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            found.append(Error(f"{name} must be one of {', '.join(allowed)}.", id="pomelo.E011"))
    for name, least, most, here in _RANGES:
        value = getattr(settings, here or name)
        if not least <= value <= most:
            found.append(Error(f"{name} is {value}: use {least} to {most}.", id="pomelo.E015"))
    if settings.WEBHOOK_LEASE_SECONDS <= settings.WEBHOOK_TIMEOUT_SECONDS:
        text = f"WEBHOOK_LEASE_SECONDS is {settings.WEBHOOK_LEASE_SECONDS}: calls that take longer are sent twice."
        hint = f"Set it higher than WEBHOOK_TIMEOUT_SECONDS, which is {settings.WEBHOOK_TIMEOUT_SECONDS}."
        found.append(Error(text, hint=hint, id="pomelo.E016"))
    if wrong := _wrong_in_public_url(settings.PUBLIC_URL):
        hint = "Set it to the scheme and host at which people reach Pomelo, for example https://pomelo.example.com."
        found.append(Error(f"PUBLIC_URL is {settings.PUBLIC_URL!r}: {wrong}.", hint=hint, id="pomelo.E017"))
    found.extend(
        Error(
            f"SECURITY_CONTACTS: {contact} is not a mailto:, https: or tel: address (RFC 9116).",
            id="pomelo.E013",
        )
        for contact in settings.SECURITY_CONTACTS
        if not contact.startswith(("mailto:", "https://", "tel:"))
    )
    if settings.SECRET_STORE == "vault":  # noqa: S105 - the name of a store
        proof = {"token": "VAULT_TOKEN", "approle": "VAULT_ROLE_ID", "kubernetes": "VAULT_ROLE"}
        found.extend(
            Error(f"SECRET_STORE=vault with VAULT_AUTH={settings.VAULT_AUTH} needs {name}.", id="pomelo.E014")
            for name in ("VAULT_ADDR", proof.get(settings.VAULT_AUTH, "VAULT_ADDR"))
            if not getattr(settings, name)
        )
        if settings.VAULT_ADDR and not is_http_url(settings.VAULT_ADDR):
            found.append(Error("VAULT_ADDR is not an http:// or https:// URL.", id="pomelo.E014"))
    return found


def _is_host(netloc: str) -> bool:
    """Whether `netloc` is a host that Django would serve, perhaps with a port. Internationalized names are in Punycode there."""
    domain, _ = split_domain_port(netloc)
    return domain != "" and all(label and label.strip("-") == label for label in domain.split("."))


def _wrong_in_public_url(url: str) -> str:
    """Return what is wrong with `url`, to which every link, callback and signature check appends a path; empty if nothing is."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"it is not a URL ({error})"
    if parts.scheme not in ("http", "https"):
        return "it must begin with https:// (or http://, without TLS on this machine)"
    if "@" in parts.netloc:
        return "it contains a user name, which every link would show"
    if not host or port == 0 or url.split() != [url] or not _is_host(parts.netloc):
        return "it has no valid host"
    if url != url.lower():
        return "it has capital letters, but the origins that browsers send have none"
    if parts.path or "?" in url or "#" in url:
        return "it has a path, a query or a fragment, but Pomelo is served at the root of its host"
    if parts.scheme == "http" and settings.REQUIRE_HTTPS:
        return "it begins with http://, but plain HTTP is refused (REQUIRE_HTTPS)"
    return ""
