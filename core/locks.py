"""The order in which one transaction locks rows of a key: the one place that says it.

Two transactions that lock the same two rows in different orders wait for each other, and PostgreSQL ends one of them. So a
transaction that changes rows of several of these tables takes them from the top to the bottom, and rows of one table in the
order of their ids: `ORDER BY id FOR NO KEY UPDATE` first, where an UPDATE alone would take them as its plan finds them.
What a leak switches off (core.made_by) comes after the key, in the order of the apps.
"""

KEY_LOCKS = ("apikeys_leakreport", "apikeys_apikey", "apikeys_apikeysecret", "apikeys_apikeyscopeuse")
