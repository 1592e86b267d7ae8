"""Code samples of a first call, shown on the page with a new key's secret."""

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from apikeys.models import ApiKey
from apikeys.restrictions import ANY_ORIGIN
from core.ui.samples import in_every_language


@sensitive_variables()
def samples_of(key: ApiKey, secret: str) -> dict[str, str]:
    """Return samples by language, for a server or a browser key."""
    return _browser_samples(key) if key.kind == ApiKey.Kind.BROWSER else _server_samples(secret)


def _browser_samples(key: ApiKey) -> dict[str, str]:
    """A first call from a page, and from a shell with an `Origin` header, without which a browser key is refused."""
    url = f"{settings.PUBLIC_URL}/v1/whoami"
    origin = key.allowed_origins[0].replace(
        "*", "app" if key.allowed_origins[0] != ANY_ORIGIN else settings.PUBLIC_URL
    )
    return {
        "JavaScript": (
            f'const answer = await fetch("{url}", {{\n'
            "  headers: { Authorization: `Bearer ${POMELO_SECRET}` },\n"
            "});\n"
            "console.log(await answer.json());"
        ),
        "curl": (f'curl {url} \\\n  -H "Origin: {origin}" \\\n  -H "Authorization: Bearer $POMELO_SECRET"'),
    }


def _server_samples(secret: str) -> dict[str, str]:
    """How to put the secret into the environment, and a first call that reads it from there."""
    url = f"{settings.PUBLIC_URL}/v1/whoami"
    environment = {"Shell": f"export POMELO_SECRET={secret}", ".env": f"POMELO_SECRET={secret}"}
    request = f'curl {url} \\\n  -H "Authorization: Bearer $POMELO_SECRET"'
    return environment | {name: code for name, _, code in in_every_language(request)}
