"""What `make run` prints once the platform is up."""

from pathlib import Path
from typing import Any

from rich.console import Console

from config.run.options import RunOptions


def curl_command(url: str, secret: str, certificate: Path | None) -> str:
    """Return a first request to paste into a shell."""
    trust = f" --cacert {certificate}" if certificate else ""
    return f'curl -i{trust} {url}/v1/whoami -H "Authorization: Bearer {secret}"'


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
