"""Sessions in PostgreSQL, as Django keeps them (SESSION_ENGINE)."""

from typing import Any

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's own, but for keys that no session can have."""

    def _get_session_from_db(self) -> Any:
        """Return the session with this store's key; without one that has not expired, the store forgets its key."""
        # A cookie in quotes may write any byte, and PostgreSQL refuses to look for a NUL character.
        if "\x00" in str(self.session_key):
            self._session_key = None
            return None
        return super()._get_session_from_db()  # type: ignore[misc]  # not in the stubs
