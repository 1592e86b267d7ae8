"""Creates a company with a month of data, for the page benchmark. `python -m tests.benchmarks.page_seeding` reads its input from stdin.

Input: `{"days": …, "requests": per day, "rows": per list}`. The request log is written by the product's own writer, so that its
roll-ups are real.
"""

import json
import os
import random
import sys
from datetime import timedelta

import django

django.setup()

import psycopg  # noqa: E402

from audit.ingest.store import store  # noqa: E402
from audit.partitions.tables import ensure_partitions  # noqa: E402
from core import clock  # noqa: E402
from core.values import ids  # noqa: E402
from core.values.ids import first_id  # noqa: E402
from tests.audit.rows import make_row  # noqa: E402
from tests.benchmarks.list_seeding import fill_lists  # noqa: E402
from tests.clients import sign_in  # noqa: E402
from tests.factories import make_company, make_key, make_user, prove_domain  # noqa: E402

BATCH = 5_000
ROUTES = ("/v1/customers", "/v1/customers/{id}", "/v1/invoices", "/v1/charges", "/v1/messages")
ANSWERS = [
    (200, ""),
    (201, ""),
    (403, "insufficient_scope"),
    (404, "not_found"),
    (429, "rate_limited"),
    (500, "internal_error"),
]
WEIGHTS = [70, 20, 3, 3, 3, 1]


def main() -> None:
    """Create everything and print `{"session": the cookie of an owner}`."""
    order = json.load(sys.stdin)
    owner = make_user("benchmark")
    company = make_company("Benchmark", owner, tier="enterprise")
    prove_domain(company.live_tenant)
    keys = [make_key(company, name=f"integration {n}").key for n in range(20)]
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as connection:
        fill_lists(connection, company, owner, keys, order["rows"])
        log_requests(company.id, [(key.id, key.name) for key in keys], order["days"], order["requests"])
        connection.execute("VACUUM ANALYZE")
    print(json.dumps({"session": sign_in(owner, company).cookies["sessionid"].value}))


def log_requests(company: object, keys: list[tuple[object, str]], days: int, a_day: int) -> None:
    """Log `a_day` requests per day for the last days, spread evenly over each day."""
    now, chance = clock.now(), random.Random(20)
    ensure_partitions([now.date() - timedelta(days=offset) for offset in range(days + 1)])
    batch = []
    for number in range(days * a_day):
        moment = now - timedelta(seconds=number * 86_400 / a_day)
        status, refused = chance.choices(ANSWERS, WEIGHTS)[0]
        key, name = keys[number % len(keys)]
        route = chance.choice(ROUTES)
        batch.append(
            make_row(
                company,  # type: ignore[arg-type]
                id=first_id(moment).hex[:12] + "7" + ids.new_id().hex[13:],
                key=key.hex,  # type: ignore[attr-defined]
                key_name=name,
                route=route,
                path=route.replace("{id}", "cus_01h455vb4pex5vsknk084sn02q"),
                status=status,
                refused_by=refused,
                duration_us=int(chance.lognormvariate(9, 0.7)),
                ip=f"203.0.113.{number % 200}",
            )
        )
        if len(batch) == BATCH:
            store(batch)
            batch = []
    if batch:
        store(batch)


if __name__ == "__main__":
    main()
