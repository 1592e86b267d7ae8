"""Counts the SQL statements of pages. `python -m tests.benchmarks.page_statements` reads `{"session", "pages"}` from stdin."""

import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from core.ui.assets import collect_own_files  # noqa: E402

# Statements that open and close transactions travel with others, or take no time.
BOUNDS = ("BEGIN", "COMMIT", "ROLLBACK")


def main() -> None:
    """Open each page twice and print `{name: statements of the second time}`. The static bundles are built on the way."""
    collect_own_files()  # as `make run` does before it serves
    order = json.load(sys.stdin)
    client = Client(SERVER_NAME="127.0.0.1")
    client.cookies[settings.SESSION_COOKIE_NAME] = order["session"]
    counts = {}
    for name, path in order["pages"].items():
        client.get(path)
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        counts[name] = sum(query["sql"] not in BOUNDS for query in captured.captured_queries)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
