"""What `make run` prints once the platform is up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from config.run.options import RunOptions
from core.values.urls import split_url


def curl_command(url: str, secret: str, certificate: Path | None) -> str:
    """Return a first request to paste into a shell."""
    trust = f" --cacert {certificate}" if certificate else ""
    return f'curl -i{trust} {url}/v1/whoami -H "Authorization: Bearer {secret}"'


def mail_destination(environment: Mapping[str, str], data_dir: Path) -> str:
    """Return where emails go, without the password of the mail server."""
    url = environment.get("EMAIL_URL", "")
    if not url and (file := environment.get("EMAIL_URL_FILE")):
        return f"sent by the server that {file} names"
    if "@" not in url:
        return url or f"written to files in {data_dir / 'mail'}"
    parts = split_url(url)
    return f"sent by {parts.hostname if parts else 'the server that EMAIL_URL names'}"


def show_banner(
    console: Console, options: RunOptions, demo: dict[str, Any] | None, certificate: Path | None, mail: str
) -> None:
    """Print where everything is. The demo's password and keys are printed only when they were just created."""

    def line(label: str, *values: str) -> None:
        # Never wrapped or truncated, because these are meant to be copied.
        console.out(f"  {label:<10}  {'  '.join(values)}", highlight=False)

    console.rule("Pomelo is up")
    line("Dashboard", f"{options.url}/")
    line("Data", str(options.data_dir))
    line("Email", mail)
    if demo:
        line("Sign in", demo["email"], f"password {demo['password']}")
        console.rule(f"{demo['company']}: password and keys are shown only once", style="dim")
        for mode in ("live", "test"):
            line(f"{mode.title()} key", demo[mode]["client_id"], demo[mode]["client_secret"])
        console.out("\nTry it:", highlight=False)
        console.out(curl_command(options.url, demo["live"]["client_secret"], certificate), highlight=False)
    console.rule("Ctrl-C stops everything")
