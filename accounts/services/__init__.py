"""Writes of accounts, by subject: companies, members."""

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
]
