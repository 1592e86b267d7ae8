"""What Django does with connections when a request has been answered, done only in a thread that has one.

A request that was answered without SQL, as most of the API's are, would pay for a look at every alias.
"""

import threading
from typing import Any

from django.db import close_old_connections, connections


class _Thread(threading.local):
    has_connection = False


_thread = _Thread()


def note_connected() -> None:
    """This thread has taken a connection."""
    _thread.has_connection = True


def return_connections(**_: Any) -> None:
    """Give what this thread has taken back to the pool: a receiver of `request_finished`."""
    if _thread.has_connection:
        close_old_connections()
        # One that may live longer (CONN_MAX_AGE) is looked at again.
        _thread.has_connection = any(
            one.connection is not None for one in connections.all(initialized_only=True)
        )
