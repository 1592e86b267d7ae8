"""Django's end-of-request connection handling, run only in threads that used a connection.

Most API requests run no SQL and would otherwise pay for checking every alias.
"""

import threading
from typing import Any

from django.db import close_old_connections, connections


class _Thread(threading.local):
    has_connection = False


_thread = _Thread()


def note_connected() -> None:
    """Record that this thread has taken a connection."""
    _thread.has_connection = True


def return_connections(**_: Any) -> None:
    """Return this thread's connections to the pool; a receiver of `request_finished`."""
    if _thread.has_connection:
        close_old_connections()
        # A connection that is kept open (CONN_MAX_AGE) is checked again next time.
        _thread.has_connection = any(
            one.connection is not None for one in connections.all(initialized_only=True)
        )
