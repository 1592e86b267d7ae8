"""The command line: `pomelo listen`, `pomelo trigger`."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from pomelo_cli import __version__
from pomelo_cli.api import Api
from pomelo_cli.forwarding import Forwarder, new_secret
from pomelo_cli.problems import Problem, Unreachable
from pomelo_cli.reading import read_events, start_of
from pomelo_cli.triggering import RECIPES, trigger

DEFAULT_API_URL = "http://localhost:8000"
_PATTERN = re.compile(r"\*|[a-z_]+\.(\*|[a-z_]+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for an error, 2 for invalid arguments."""
    options = _parser().parse_args(arguments)
    try:
        with Api(options.api_url, _secret()) as api:
            if options.command == "listen":
                return _listen(api, options)
            return _trigger(api, options.type)
    except Problem as problem:
        print(f"pomelo: {problem}", file=sys.stderr)
        return 1
    except Unreachable as error:
        print(
            f"pomelo: {error}\nCheck --api-url, and that Pomelo runs there; then try again.", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 130


def _listen(api: Api, options: argparse.Namespace) -> int:
    _check_patterns(api, options.events)
    secret, forwarded = new_secret(), 0
    with Forwarder(options.forward_to, secret) as forwarder:
        who = _test_key(api)
        _require_events_scope(who)
        start = start_of(api, options.since)
        _print(f"Listening to {who['company']['name']} (test mode), forwarding to {options.forward_to}")
        _print(f"Signing secret of this run: {secret}")
        _print("Ctrl-C ends it.")
        try:
            for event in read_events(api, start, report=_print):
                if any(fnmatchcase(event["type"], pattern) for pattern in options.events):
                    _print(forwarder.forward(event, api_url=api.url))
                    forwarded += 1
        except KeyboardInterrupt:
            _print(f"\nStopped. Forwarded: {forwarded}.")
            return 0
    return 0


def _trigger(api: Api, event_type: str) -> int:
    if event_type in RECIPES:  # types without a recipe are refused without a request
        _require_events_scope(_test_key(api))
    event, about = trigger(api, event_type)
    _print(f"{event_type}  {event}  {about}")
    return 0


def _secret() -> str:
    """Return the key's secret from POMELO_SECRET, because arguments are visible in the process list. Raises Problem."""
    secret = os.environ.get("POMELO_SECRET", "").strip()
    if not secret:
        raise Problem(
            "No key. Create a test key on the dashboard (API keys) and set it: export POMELO_SECRET=pm_test_…"
        )
    if secret.startswith("pm_live_"):
        raise Problem(
            "POMELO_SECRET is a live key, and this command works with test keys only (pm_test_…)."
            " Create one on the dashboard (API keys, test mode)."
        )
    if not secret.isascii():
        raise Problem(
            "POMELO_SECRET has characters that no key has. Copy a test key (pm_test_…) again, whole."
        )
    return secret


def _test_key(api: Api) -> dict[str, Any]:
    """Return the response of whoami. Raises Problem for a live key."""
    who: dict[str, Any] = api.get("/v1/whoami")
    if who["mode"] != "test":
        raise Problem(
            "The key is a live one. Create a test key on the dashboard (API keys, test mode) and set POMELO_SECRET to it."
        )
    return who


def _require_events_scope(who: dict[str, Any]) -> None:
    if "events:read" not in who["scopes"]:
        raise Problem(
            "The key may not read events. Give it the scope events:read on the dashboard (API keys), and the read scope"
            " of what the events are about (customers:read for customer.*)."
        )


def _check_patterns(api: Api, patterns: Sequence[str]) -> None:
    """Raise Problem for a pattern that matches no event type of this server."""
    if list(patterns) == ["*"]:
        return
    kinds: list[str] = api.get("/v1/openapi.json")["components"]["schemas"]["EventTypeFilter"]["enum"]
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern) or not any(fnmatchcase(kind, pattern) for kind in kinds):
            groups = sorted({f"{kind.partition('.')[0]}.*" for kind in kinds})
            raise Problem(
                f"--events {pattern!r} matches no event. There are: *, {', '.join(groups)}, {', '.join(kinds)}"
            )


def _print(line: str) -> None:
    print(line, flush=True)  # unbuffered, also when piped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pomelo",
        description="Pomelo's events on your own machine. The key is read from POMELO_SECRET: a test key (pm_test_…).",
    )
    parser.add_argument("--version", action="version", version=f"pomelo-cli {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--api-url",
        default=os.environ.get("POMELO_API_URL", DEFAULT_API_URL),
        help=f"where Pomelo is (POMELO_API_URL; default {DEFAULT_API_URL})",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listen = commands.add_parser(
        "listen",
        parents=[common],
        help="post events to a server on this machine, signed",
        description="Read the events of a test key as they happen and post each to a server on this machine, signed as a"
        " webhook. The key needs events:read, and the read scope of what the events are about.",
    )
    listen.add_argument(
        "--forward-to", required=True, metavar="URL", help="for example http://localhost:3000/hook"
    )
    listen.add_argument(
        "--events",
        type=lambda text: [each.strip() for each in text.split(",")],
        default=["*"],
        metavar="PATTERNS",
        help="only these: invoice.paid, customer.*, several with commas (quote them); default all",
    )
    listen.add_argument(
        "--since",
        metavar="WHEN",
        help="start earlier than now: after an event (evt_…), 10m or 2h ago, or at 2026-05-28T20:26:40Z",
    )
    made = commands.add_parser(
        "trigger",
        parents=[common],
        help="make an event happen",
        description="Make real objects of test mode through the API so that the event happens. The key needs the write"
        f" scopes of what it makes, and events:read. Types: {', '.join(RECIPES)}.",
    )
    made.add_argument("type", metavar="TYPE", help="for example invoice.paid")
    return parser
