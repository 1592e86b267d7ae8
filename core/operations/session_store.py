"""Django's database sessions (SESSION_ENGINE)."""

from typing import Any

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's session store, except that it ignores impossible session keys."""

    def _get_session_from_db(self) -> Any:
        """Return the session of this store's key. If there is none or it has expired, the key is cleared."""
        # A quoted cookie may contain any byte, and PostgreSQL rejects NUL characters.
        if "\x00" in str(self.session_key):
            self._session_key = None
            return None
        return super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
