"""What `make run` tells the person once the platform answers."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from config.run.options import RunOptions


def curl_command(url: str, secret: str, certificate: Path | None) -> str:
    """Return a first request that works when pasted into a shell."""
    trust = f" --cacert {certificate}" if certificate else ""
    return f'curl -i{trust} {url}/v1/whoami -H "Authorization: Bearer {secret}"'


def show_banner(
    console: Console, options: RunOptions, demo: dict[str, Any] | None, certificate: Path | None, mail: str
) -> None:
    """Print where everything is; the demo's password and keys only when they were just made."""
    lines = [f"Dashboard   {options.url}/", f"Data        {options.data_dir}", f"Email       {mail}"]
    if demo:
        lines += [
            f"Sign in     {demo['email']}   password  {demo['password']}",
            "",
            f"{demo['company']}: the keys below are shown this once.",
            f"Live key    {demo['live']['client_id']}   {demo['live']['client_secret']}",
            f"Test key    {demo['test']['client_id']}   {demo['test']['client_secret']}",
        ]
    lines += ["", "Ctrl-C stops everything."]
    console.print(Panel(Text("\n".join(lines), overflow="fold"), title="Pomelo is up", expand=False))
    if demo:
        # Outside the frame, on one line however narrow the terminal: it is there to be copied.
        console.print("Try it:")
        console.out(curl_command(options.url, demo["live"]["client_secret"], certificate), highlight=False)
