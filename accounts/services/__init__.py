"""Writes of accounts, by subject: companies, members, people, sign-ins."""

from accounts.services.companies import (
    create_company,
    register_company,
    resume_company,
    suspend_company,
    update_company,
)
from accounts.services.members import (
    accept_invitation,
    change_role,
    invite_member,
    prepare_resending,
    remove_member,
    resend_invitation,
    revoke_invitation,
)
from accounts.services.ownership import transfer_ownership
from accounts.services.people import show_first_steps, update_profile
from accounts.services.policies import SecurityPolicy, set_security_policy
from accounts.services.saved_filters import remove_filter, rename_filter, restore_filter, save_filter
from accounts.services.sign_ins import record_failed_sign_in, record_for_companies

__all__ = [
    "SecurityPolicy",
    "accept_invitation",
    "change_role",
    "create_company",
    "invite_member",
    "prepare_resending",
    "record_failed_sign_in",
    "record_for_companies",
    "register_company",
    "remove_filter",
    "remove_member",
    "rename_filter",
    "resend_invitation",
    "restore_filter",
    "resume_company",
    "revoke_invitation",
    "save_filter",
    "set_security_policy",
    "show_first_steps",
    "suspend_company",
    "transfer_ownership",
    "update_company",
    "update_profile",
]
