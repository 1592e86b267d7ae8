"""Our own mail (confirmations, resets, invitations, notices): written down with what it tells of, sent by a job.

No page and no transaction waits for a mail server, and a server that is away for an hour loses nothing.
"""
