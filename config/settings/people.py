"""Settings of the people who sign up, sign in and join companies, and of the site that staff use. Part of `base`."""

from django.templatetags.static import static

from config.settings.environment import PUBLIC_URL, env, one_of

# --- Sign-up: who may create companies, and limits per person, company and address (accounts.services.allowances)
COMPANY_CREATION = one_of("COMPANY_CREATION", ("open", "approved", "closed"), default="open")
COMPANIES_PER_PERSON = env.int("COMPANIES_PER_PERSON", default=5)
COMPANIES_PER_ADDRESS = 10  # per day
INVITATIONS_PER_DAY = env.int("INVITATIONS_PER_DAY", default=50)  # of a person, and of a company
INVITATIONS_PER_ADDRESS = 100  # per day
INVITATIONS_PER_RECIPIENT = 3  # per day, from all companies together

# --- Accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_FORMS = {
    "signup": "accounts.dashboard.forms.SignUpForm",
    "login": "accounts.dashboard.forms.SignInForm",
    "add_email": "accounts.dashboard.forms.AddAddressForm",
    "reset_password": "accounts.dashboard.forms.RequestPasswordResetForm",
}
# allauth's limits plus daily ones, so that nobody can make us email the same person repeatedly or create accounts in bulk.
ACCOUNT_RATE_LIMITS = {"signup": "20/m/ip,100/d/ip", "reset_password": "20/m/ip,100/d/ip,5/m/key,10/d/key"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = (
    True  # the user stays in one window, and an invitation is not lost
)
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 1800
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PUBLIC_URL.startswith("https") else "http"
USERSESSIONS_ADAPTER = "accounts.adapters.SessionsAdapter"
MFA_ADAPTER = "accounts.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Pomelo"
SESSION_ENGINE = "core.operations.session_store"

# --- The staff site (config/admin.py) in Pomelo's colors ---------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Pomelo staff",
    "SITE_HEADER": "Pomelo staff",
    "SITE_SUBHEADER": "Every view is audited",
    "SITE_ICON": lambda request: static("pomelo/img/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("pomelo/img/mark.svg")}
    ],
    "SCRIPTS": [lambda request: static("pomelo/staff.js")],
    "STYLES": [lambda request: static("pomelo/css/staff.css")],
    "SHOW_HISTORY": False,
    "COLORS": {
        "primary": {
            "50": "#fef5f0",
            "100": "#fdebe2",
            "200": "#fad3c0",
            "300": "#f5b091",
            "400": "#ee8a60",
            "500": "#e2683f",
            "600": "#bf3b17",
            "700": "#a53010",
            "800": "#842a12",
            "900": "#6b2612",
            "950": "#3a1107",
        }
    },
}
