"""The two requirement documents, sentence by sentence, each with the tests that hold us to it.

`SECURITY_MODEL` and `CONSIDERATIONS` are the documents in their own words and order; `tests.contracts.test_requirements`
fails when a sentence is left out or changed, has no test, or names a test that does not exist or does not quote it.
"""

from dataclasses import dataclass

_KEYS = "tests/apikeys/test_requirement_"
CREDENTIALS, SCOPES, BROWSER = f"{_KEYS}credentials.py::", f"{_KEYS}scopes.py::", f"{_KEYS}browser.py::"
HARDENING, ROTATION = f"{_KEYS}hardening.py::", f"{_KEYS}rotation.py::"
LIMITS, MATRIX = "tests/apikeys/test_limits.py::", "tests/contracts/test_guard_matrix.py::"
TRANSPORT, IDEMPOTENCY = "tests/core/api/test_transport.py::", "tests/core/api/test_idempotency.py::"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a document and its tests; without tests it is a heading, or points to another page."""

    text: str
    tests: tuple[str, ...] = ()


def says(text: str, *tests: str) -> Sentence:
    """A sentence that `tests` hold us to."""
    if not tests:
        raise ValueError(f"No test holds us to: {text}")
    return Sentence(text, tests)


def heading(text: str) -> Sentence:
    """A heading, or words that lead to another page: nothing to be held to."""
    return Sentence(text)


SECURITY_MODEL = (
    heading("Security model"),
    says(
        "The API is designed so a leaked or misused key causes the least possible damage, and so one company can never "
        "reach another company's data.",
        "tests/isolation/test_api_matrix.py::test_both_tenancy_walls",
        "tests/apikeys/test_found_key.py::test_reported_key_is_revoked_immediately_and_its_owners_are_notified",
        HARDENING + "test_leaked_key_does_the_least_damage",
    ),
    says(
        "Anyone can probe a public API — these controls are what make it safe to expose.",
        MATRIX + "test_without_a_credential_it_answers_401_and_does_nothing",
    ),
    heading("Transport"),
    says("- TLS 1.2+ required.", TRANSPORT + "test_handshake_below_tls_1_2_is_refused_by_the_server"),
    says("Plain HTTP is refused;", TRANSPORT + "test_plain_http_request_is_refused_before_anything_runs"),
    says("HSTS is enforced.", TRANSPORT + "test_tls_1_2_and_1_3_are_served_with_hsts"),
    heading("Credentials"),
    says("- Client ID + Client Secret per key.", CREDENTIALS + "test_client_id_and_client_secret_per_key"),
    says(
        "The secret is generated from a CSPRNG, returned once, and stored hashed (SHA-256).",
        CREDENTIALS + "test_the_secret_is_generated_from_a_csprng",
        CREDENTIALS + "test_the_secret_is_returned_once_and_never_shown_again",
        CREDENTIALS + "test_the_secret_is_stored_hashed",
    ),
    says("Verification is constant-time.", CREDENTIALS + "test_verification_is_constant_time"),
    says(
        "- Secrets are never logged, never returned by any endpoint, and never shown again.",
        "tests/apikeys/test_secrecy.py::test_key_lifecycle_leaves_no_secret_and_no_hash_anywhere",
        CREDENTIALS + "test_the_secret_is_returned_once_and_never_shown_again",
    ),
    heading("Least-privilege scopes"),
    says(
        "- Each key carries explicit scopes (e.g. invoices:read,customers:write).",
        SCOPES + "test_each_key_carries_explicit_scopes",
    ),
    says(
        "Calling an endpoint whose scope the key lacks returns403witherror.code = insufficient_scope.",
        SCOPES + "test_missing_scope_returns_403_with_insufficient_scope",
    ),
    says(
        "- Create read-only keys for reporting; only grant :write (and messaging:send) when needed.",
        SCOPES + "test_read_only_keys_for_reporting",
    ),
    heading("Per-key rate limits"),
    says(
        "- Each key has a requests-per-minute limit (default 60).",
        SCOPES + "test_each_key_has_a_requests_per_minute_limit_of_60_by_default",
    ),
    says(
        "Exceeding it returns 429 with a Retry-After header.",
        SCOPES + "test_each_key_has_a_requests_per_minute_limit_of_60_by_default",
    ),
    says(
        "Messaging has separate, lower limits + a daily cap per channel.",
        SCOPES + "test_messaging_has_separate_lower_limits",
        "tests/messaging/test_caps.py::test_headers_name_the_cap_and_the_refusal_has_retry_after",
    ),
    heading("- See Rate limiting."),
    heading("Browser / front-end use"),
    says(
        "- A browser key must set allowed origins (CORS allow-list); other origins are rejected.",
        BROWSER + "test_browser_key_must_set_allowed_origins",
        BROWSER + "test_other_origins_are_rejected",
    ),
    says(
        "Wildcard *is discouraged for any key that can write or send.",
        BROWSER + "test_the_wildcard_is_discouraged_for_any_key_that_can_write_or_send",
    ),
    says(
        "- For anything beyond public read endpoints, proxy through your backend so the secret stays server-side.",
        BROWSER + "test_the_secret_of_a_server_key_stays_server_side",
    ),
    heading("Recommended hardening (server-to-server)"),
    says(
        "- IP allow-list the key to your server egress IPs.",
        HARDENING + "test_ip_allow_list_the_key_to_your_server_egress_ips",
    ),
    says("- Short expiry + scheduled rotation.", HARDENING + "test_short_expiry_and_scheduled_rotation"),
    says(
        "- One key per integration, so you can revoke one without affecting others.",
        HARDENING + "test_one_key_per_integration_so_you_can_revoke_one_without_affecting_others",
    ),
    heading("Tenant isolation"),
    says(
        "- A key is bound to one company.",
        HARDENING + "test_key_is_bound_to_one_company_and_no_parameter_can_change_it",
    ),
    says(
        "The server sets the tenant context from the key on every request; queries cannot cross into another company's "
        "data.",
        HARDENING + "test_the_server_sets_the_tenant_from_the_key_on_every_request",
        "tests/isolation/test_api_matrix.py::test_both_tenancy_walls",
    ),
    says(
        "No parameter can change the company a key operates on.",
        HARDENING + "test_key_is_bound_to_one_company_and_no_parameter_can_change_it",
    ),
    heading("Writes & idempotency"),
    says(
        "- All writes accept an Idempotency-Keyheader so retries can't double-create.",
        IDEMPOTENCY + "test_repeated_request_gets_the_stored_status_and_bytes",
        IDEMPOTENCY + "test_patch_and_delete_are_replayed_too",
        "tests/contracts/test_idempotent_writes.py::test_repeated_write_returns_the_first_response",
    ),
    heading("See Idempotency."),
    heading("Webhooks"),
    says(
        "- Outbound webhooks are HMAC-SHA256 signed — verify the signature before trusting a payload.",
        "tests/webhooks/test_signing.py::test_signature_matches_the_specifications_vector",
        "tests/webhooks/test_signing.py::test_third_party_libraries_verify_deliveries_and_refuse_edited_ones",
    ),
    heading("See Webhooks."),
    heading("Security checklist"),
    says(
        "- Secret stored server-side (env / secret manager) — never in client code or git.",
        BROWSER + "test_the_secret_of_a_server_key_stays_server_side",
        HARDENING + "test_the_dashboard_shows_the_security_checklist",
    ),
    says(
        "- Key scoped to the minimum resources + actions needed.",
        HARDENING + "test_the_restrictions_survive_a_rotation",
        HARDENING + "test_the_dashboard_shows_the_security_checklist",
    ),
    says(
        "- Browser keys restricted by allowed origins; secret never exposed to the browser.",
        BROWSER + "test_browser_key_must_set_allowed_origins",
        BROWSER + "test_the_secret_of_a_server_key_stays_server_side",
        HARDENING + "test_the_dashboard_shows_the_security_checklist",
    ),
    says(
        "- Idempotency-Key sent on every create/charge/send.",
        HARDENING + "test_the_dashboard_shows_the_security_checklist",
    ),
    says("- Webhook signatures verified.", HARDENING + "test_the_dashboard_shows_the_security_checklist"),
    says(
        "- Rotation schedule in place; unused keys revoked.",
        HARDENING + "test_unused_keys_are_flagged_so_that_they_can_be_revoked",
        HARDENING + "test_the_dashboard_shows_the_security_checklist",
    ),
)

CONSIDERATIONS = (
    heading("Security Considerations"),
    heading("Security Considerations"),
    heading("1. API Key Storage"),
    says(
        "Problem: Storing API keys in plaintext exposes them if database is compromised.",
        CREDENTIALS + "test_keys_cannot_be_recovered_from_the_hash",
    ),
    says(
        "Solution: Hash API keys with bcrypt before storing in Vault.",
        CREDENTIALS + "test_the_secret_is_stored_hashed",
        "tests/apikeys/test_vault.py::test_the_database_holds_only_the_reference_and_vault_the_bcrypt_hash",
    ),
    heading("Implementation:"),
    says(
        "• Generate API key: pm_live_{32_random_chars}",
        CREDENTIALS + "test_the_secret_is_pm_live_and_32_random_characters",
    ),
    says("• Hash with bcrypt (salt rounds: 12)", CREDENTIALS + "test_bcrypt_with_salt_rounds_12"),
    says(
        "• Store hash in Vault, not plaintext key",
        "tests/apikeys/test_vault.py::test_the_database_holds_only_the_reference_and_vault_the_bcrypt_hash",
    ),
    says(
        "• Display plaintext key once to user",
        CREDENTIALS + "test_the_secret_is_returned_once_and_never_shown_again",
    ),
    says(
        "• Verify API key by comparing hash on each request",
        CREDENTIALS + "test_each_request_compares_the_hash_or_a_proof_that_it_matched",
    ),
    heading("Security Benefits:"),
    says(
        "• Database compromise doesn’t expose API keys",
        CREDENTIALS + "test_keys_cannot_be_recovered_from_the_hash",
    ),
    says("• Brute force attacks infeasible (bcrypt is slow)", CREDENTIALS + "test_brute_force_is_infeasible"),
    says("• Keys cannot be recovered from hash", CREDENTIALS + "test_keys_cannot_be_recovered_from_the_hash"),
    heading("2. API Key Transmission"),
    says(
        "Problem: API keys transmitted over HTTP can be intercepted.",
        "tests/apikeys/test_notices.py::test_live_secret_sent_over_plain_http_is_refused_and_its_company_notified_once",
    ),
    says(
        "Solution: Enforce HTTPS for all API requests.",
        TRANSPORT + "test_no_path_under_v1_is_served_or_redirected_over_plain_http",
    ),
    heading("Implementation:"),
    says("• Redirect HTTP to HTTPS", TRANSPORT + "test_pages_redirect_to_https_under_the_public_name_only"),
    says(
        "• Use HSTS header to enforce HTTPS",
        TRANSPORT + "test_every_tls_response_has_hsts",
    ),
    says(
        "• Reject API requests over HTTP",
        TRANSPORT + "test_plain_http_request_is_refused_before_anything_runs",
    ),
    heading("3. API Key Rotation"),
    says(
        "Problem: Long-lived API keys increase risk if compromised.",
        HARDENING + "test_short_expiry_and_scheduled_rotation",
    ),
    says(
        "Solution: Enable self-service key regeneration.",
        ROTATION + "test_the_user_can_regenerate_a_key_at_any_time",
    ),
    heading("Implementation:"),
    says(
        "• User can regenerate key at any time", ROTATION + "test_the_user_can_regenerate_a_key_at_any_time"
    ),
    says(
        "• Old key immediately revoked",
        ROTATION + "test_the_old_key_is_immediately_revoked_and_the_new_one_displayed_once",
        ROTATION + "test_revoked_key_cannot_be_rotated_back_to_life",
    ),
    says(
        "• New key generated and displayed once",
        ROTATION + "test_the_old_key_is_immediately_revoked_and_the_new_one_displayed_once",
    ),
    says("• Audit log tracks all regenerations", ROTATION + "test_the_audit_log_tracks_all_regenerations"),
    says(
        "Best Practice: Rotate API keys every 90 days (recommended, not enforced)",
        ROTATION + "test_rotating_every_90_days_is_recommended_not_enforced",
    ),
    heading("4. Rate Limiting"),
    says(
        "Problem: Unlimited API requests enable abuse and DDoS attacks.",
        SCOPES + "test_each_key_has_a_requests_per_minute_limit_of_60_by_default",
        LIMITS + "test_more_keys_do_not_raise_the_limit",
    ),
    says(
        "Solution: Tier-based rate limiting with token bucket algorithm.",
        LIMITS + "test_keys_of_a_company_share_its_tier_limit",
        "tests/core/api/test_throttling.py::test_valkey_and_memory_admit_exactly_what_the_model_admits",
    ),
    heading("Implementation:"),
    says("• Starter: 60 requests/min", LIMITS + "test_keys_of_a_company_share_its_tier_limit"),
    says("• Pro: 300 requests/min", LIMITS + "test_keys_of_a_company_share_its_tier_limit"),
    says("• Enterprise: 1000 requests/min", LIMITS + "test_keys_of_a_company_share_its_tier_limit"),
    says(
        "• Return 429 Too Many Requests when limit exceeded",
        SCOPES + "test_each_key_has_a_requests_per_minute_limit_of_60_by_default",
    ),
    says(
        "• Include rate limit headers in all responses",
        LIMITS + "test_every_authenticated_response_has_rate_limit_headers",
        LIMITS + "test_every_unauthenticated_response_has_the_address_policy",
    ),
    heading("Security Benefits:"),
    says("• Prevents API abuse", LIMITS + "test_more_keys_do_not_raise_the_limit"),
    says(
        "• Protects infrastructure from overload",
        LIMITS + "test_request_over_the_key_limit_gets_429_with_retry_after_and_is_not_executed",
    ),
    says(
        "• Encourages efficient API usage",
        LIMITS + "test_every_authenticated_response_has_rate_limit_headers",
    ),
    heading("5. Permission Scopes"),
    says(
        "Problem: Single API key with full access increases risk if compromised.",
        SCOPES + "test_missing_scope_returns_403_with_insufficient_scope",
    ),
    says("Solution: Fine-grained permission scopes.", SCOPES + "test_each_key_carries_explicit_scopes"),
    heading("Implementation:"),
    says(
        "• User selects required scopes during key creation",
        SCOPES + "test_the_user_selects_the_scopes_during_creation",
    ),
    says(
        "• Each API endpoint checks required scope",
        MATRIX + "test_every_scope_but_its_own_is_not_enough_and_does_nothing",
    ),
    says(
        "• Returns 403 Forbidden if scope missing",
        SCOPES + "test_missing_scope_returns_403_with_insufficient_scope",
    ),
    says(
        "• Principle of least privilege",
        SCOPES + "test_the_user_selects_the_scopes_during_creation",
        "tests/apikeys/test_advisor.py::test_scopes_unused_for_thirty_days_should_be_trimmed",
    ),
    heading("Example Use Cases:"),
    says(
        "• Send-only key: Only send_email scope (for application sending emails)",
        SCOPES + "test_the_example_use_cases",
    ),
    says(
        "• Read-only key: Only read_analytics scope (for dashboard integrations)",
        SCOPES + "test_the_example_use_cases",
    ),
    says(
        "• Full access key: All scopes (for admin automation)",
        SCOPES + "test_the_example_use_cases",
    ),
    heading("6. Audit Logging"),
    says(
        "Problem: No visibility into API key usage enables undetected abuse.",
        "tests/apikeys/test_usage.py::test_last_use_of_key_secret_and_scope_is_recorded_with_its_address",
    ),
    says(
        "Solution: Comprehensive audit logging.",
        "tests/audit/test_entries.py::test_change_leaves_one_row_with_actor_action_time_and_address",
    ),
    heading("Logged events:"),
    says(
        "• API key creation (who, when, permissions)",
        ROTATION + "test_the_audit_log_tracks_creation_with_who_when_and_permissions",
    ),
    says("• API key regeneration (who, when)", ROTATION + "test_the_audit_log_tracks_all_regenerations"),
    says(
        "• API key revocation (who, when)",
        ROTATION + "test_the_audit_log_tracks_revocation_with_who_and_when",
    ),
    says(
        "• API key authentication attempts (success, failure)",
        ROTATION + "test_the_audit_log_tracks_authentication_attempts",
        ROTATION + "test_every_failure_up_to_the_limit_is_written_down_and_none_beyond",
    ),
    says(
        "• API requests (endpoint, status, response time)",
        "tests/audit/test_ingest.py::test_request_is_logged_with_all_its_fields",
    ),
    says(
        "Audit log retention: 90 days (configurable)",
        "tests/audit/test_retention.py::test_the_retention_is_a_setting",
    ),
)
