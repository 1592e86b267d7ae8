"""Work that takes whole seconds of a processor: bounded for each company, so that one cannot take every thread of a process."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from core.api.errors import TemporarilyUnavailable
from core.tenancy import require_tenant

# At a time, in one process, of one company and of all of them together. A web process has five threads and more.
PER_COMPANY = 2
PER_PROCESS = 4

_lock = threading.Lock()
_under_way: Counter[uuid.UUID] = Counter()


@contextmanager
def heavy_work() -> Iterator[None]:
    """Do the block's work in the place of the current company. Raises TemporarilyUnavailable (503) when there is none left."""
    company = require_tenant().company_id
    with _lock:
        if _under_way[company] >= PER_COMPANY or _under_way.total() >= PER_PROCESS:
            raise TemporarilyUnavailable("Too many documents are being made at this moment.")
        _under_way[company] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[company] -= 1
            if not _under_way[company]:
                del _under_way[company]
