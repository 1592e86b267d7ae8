"""A transaction that has written and is not committed yet: what others read, seal or relay meanwhile must not count on its numbers."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from django.db import connection, models

from core.tenancy import Tenant, tenant_context


@contextlib.contextmanager
def uncommitted(tenant: Tenant, write: Callable[[], object], model: type[models.Model]) -> Iterator[None]:
    """Run `write` in a transaction of another thread, which is committed at the end.

    `model` is one that `write` makes rows of: they have their numbers by then.
    """
    written, commit = threading.Event(), threading.Event()

    def run() -> None:
        with tenant_context(tenant):
            write()
            model._default_manager.exists()  # what waits to be written is written now
            written.set()
            commit.wait(90)
        connection.close()

    writer = threading.Thread(target=run)
    writer.start()
    try:
        assert written.wait(90)
        yield
    finally:
        commit.set()
        writer.join()
