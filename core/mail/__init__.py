"""Transactional email of the platform itself (confirmations, resets, invitations, notices), stored first and sent by a job.

No page and no transaction waits for a mail server, and nothing is lost while it is down.
"""
