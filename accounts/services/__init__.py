"""Writes of accounts, by subject: companies, members, people."""

from accounts.services.companies import (
    create_company,
    resume_company,
    suspend_company,
    update_company,
)
from accounts.services.members import (
    accept_invitation,
    change_role,
    invite_member,
    remove_member,
    revoke_invitation,
)
from accounts.services.people import update_profile

__all__ = [
    "accept_invitation",
    "change_role",
    "create_company",
    "invite_member",
    "remove_member",
    "resume_company",
    "revoke_invitation",
    "suspend_company",
    "update_company",
    "update_profile",
]
