"""Settings, read from the environment; the defaults are those of production.

Every name can also be given as a file: `SECRET_KEY_FILE=/run/secrets/key`. `docs/deploy/environment.md` lists
them all.
"""

import hashlib
import os
import secrets
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF

from loyalty_site.console.theme import UNFOLD as UNFOLD
from loyalty_site.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()

DEBUG = env.bool("DEBUG", default=False)

# Web and worker call `secrets_are_set` before they start; a management command may do with a passing key.
SECRET_KEY = env.str("SECRET_KEY", default="")
SECRET_KEY_IS_RANDOM = not SECRET_KEY
if SECRET_KEY_IS_RANDOM:
    # A fixed key under DEBUG keeps a developer logged in over restarts of the server.
    SECRET_KEY = "insecure-development-key" * 3 if DEBUG else secrets.token_urlsafe(64)

# Keys of before: what they signed and encrypted can still be read, and nothing new is made with them.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "loyalty_site",
    "loyalty_site.console",
    "loyalty_site.storefront",
    "notifications",
    "referrals",
    "loyalty",
    "loyalty_site.http",
    "loyalty_site.outbox",
    "loyalty_site.jobs",
    "loyalty_site.tenants",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "import_export",
    "loyalty_site.console.admin_app.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "pgtrigger",
    "phonenumber_field",
    "anymail",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

MIDDLEWARE = [
    "loyalty_site.http.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "loyalty_site.console.middleware.AdminContentPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "loyalty_site.urls"
WSGI_APPLICATION = "loyalty_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------------------
# DATABASE_URL logs in as the runtime role, DATABASE_OWNER_URL as the role that owns the tables and migrates.
# With one role for both, PostgreSQL cannot refuse a balance written past the ledger; `manage.py check` says so.
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
DATABASE_READONLY_ROLE = env.str("DATABASE_READONLY_ROLE", default="")
DATABASE_IS_NAMED = bool(env.str("DATABASE_URL", default=""))

DATABASES = {"default": env.db("DATABASE_URL", default="postgresql:///regulars")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DATABASES["default"].setdefault("OPTIONS", {})
# What every change runs is prepared once a connection (loyalty_site/prepared.py); off behind a pooler that hands a
# connection from one transaction to the next.
DATABASE_PREPARE = env.bool("DATABASE_PREPARE", default=True)
# Each thread keeps its connection, and looks before each request whether it is still there. A pool hands connections to
# more threads than it has; here there are as many of the one as of the other, and handing over costs a till's time.
DATABASES["default"]["ENGINE"] = "loyalty_site.postgres"
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    },
}

# --- People ---------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "loyalty_site.tenants.permissions.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "admin:login"
CSRF_FAILURE_VIEW = "loyalty_site.http.errors.csrf_failure"
LOGIN_REDIRECT_URL = "admin:index"

# --- Language and time ----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("de", "Deutsch"), ("lb", "Lëtzebuergesch")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["loyalty_site.formats"]

# --- Files ----------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "var" / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- HTTP security --------------------------------------------------------------------------------------------
BEHIND_TLS = env.bool("BEHIND_TLS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_SSL_REDIRECT = BEHIND_TLS and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000) if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
if env.bool("TRUST_FORWARDED_PROTO", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many proxies of one's own stand in front and write X-Forwarded-For; 0: whoever connects is the visitor.
PROXY_COUNT = env.int("PROXY_COUNT", default=0)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = env.int("STAFF_SESSION_SECONDS", default=12 * 3600)
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# --- API ----------------------------------------------------------------------------------------------------------
# Where the platform is reached from outside, for links in answers and messages: https://loyalty.example. Empty: where
# the request came to.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
RATE_LIMIT_STORE = env.int("RATE_LIMIT_STORE", default=600)
RATE_LIMIT_MEMBER = env.int("RATE_LIMIT_MEMBER", default=120)
# How often a minute the join page's form may be sent: from one network address, and to one merchant.
RATE_LIMIT_JOIN_ADDRESS = env.int("RATE_LIMIT_JOIN_ADDRESS", default=10)
RATE_LIMIT_JOIN_MERCHANT = env.int("RATE_LIMIT_JOIN_MERCHANT", default=300)
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=1_048_576)
# id:secret pairs: the first signs, all verify. A ring that follows SECRET_KEY serves until there is one of its own.
MEMBER_TOKEN_KEYS = tuple(
    (key_id, secret)
    for key_id, _, secret in (pair.partition(":") for pair in env.list("MEMBER_TOKEN_KEYS", default=[]))
) or (("default", hashlib.blake2b(SECRET_KEY.encode(), key=b"member tokens", digest_size=32).hexdigest()),)
REST_FRAMEWORK: dict[str, object] = {
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "loyalty_site.http.openapi.Schema",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": True,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "loyalty_site.http.errors.Handler",
    "EXCEPTION_FORMATTER_CLASS": "loyalty_site.http.errors.Formatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Regulars",
    "DESCRIPTION": "Points, stamps, tiers and rewards of many merchants. See `/docs`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "loyalty_site.http.openapi.camelize",
        "loyalty_site.http.examples.add_examples",
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "loyalty_site.jobs.models.Run.Status",
        "RunTrigger": "loyalty_site.jobs.models.Run.Trigger",
        "KeyScope": "loyalty_site.http.models.Scope",
        "EntryType": "loyalty.models.EntryType",
        "ExpiryPolicy": "loyalty.models.ExpiryPolicy",
        "TierBasis": "loyalty.models.TierBasis",
        "RewardKind": "loyalty.models.RewardKind",
        "IntentKind": "loyalty.models.CheckoutIntent.Kind",
        "IntentStatus": "loyalty.models.CheckoutIntent.Status",
        "RedemptionStatus": "loyalty.models.Redemption.Status",
        "InviteStatus": "referrals.models.Invite.Status",
        "GuardrailScope": "referrals.models.GuardrailOverride.Scope",
        "DowngradePolicy": "loyalty.models.programs.DowngradePolicy",
    },
    "TAGS": [
        {"name": "Loyalty - Store", "description": "Tills and storefront back ends, with a key of a store."},
        {"name": "Loyalty - Operator", "description": "Checkout and back office, with a key of the merchant."},
        {"name": "Loyalty - Member", "description": "A member about themselves, with a token or the hub's session."},
        {"name": "Referrals", "description": "Invites, conversions and guardrails, of members and of operators."},
        {"name": "Loyalty - Admin", "description": "Staff, with a token or the console's session, and a role."},
    ],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False, "validatorUrl": None},
}

# --- Jobs -----------------------------------------------------------------------------------------------------
# docs/decisions/ and the comments in jobs/ say why each of these is what it is.
Q_WORKERS = env.int("Q_WORKERS", default=2)
Q_TIMEOUT = env.int("Q_TIMEOUT", default=3600)
Q_CLUSTER = {
    "name": "regulars",
    "orm": "default",
    "broker_class": "loyalty_site.jobs.broker.RecordingBroker",
    "workers": Q_WORKERS,
    "queue_limit": Q_WORKERS,
    "bulk": 1,
    "timeout": Q_TIMEOUT,
    "retry": 3 * Q_TIMEOUT,
    "max_attempts": 3,
    "save_limit": -1,
    "catch_up": False,
    "poll": 0.5,
    "label": "Jobs",
}
WORKER_STALL_SECONDS = env.int("WORKER_STALL_SECONDS", default=120)
WORKER_STOP_SECONDS = env.int("WORKER_STOP_SECONDS", default=25)
OUTBOX_MAX_ATTEMPTS = env.int("OUTBOX_MAX_ATTEMPTS", default=5)
OUTBOX_KEEP_DAYS = env.int("OUTBOX_KEEP_DAYS", default=14)
CODE_VERSION = env.str("CODE_VERSION", default="")

# --- Text messages, pushes, webhooks --------------------------------------------------------------------------
# A channel without credentials is off. The addresses are settings so that a server of one's own can stand in.
SMS_URL = env.str("SMS_URL", default="https://api.twilio.com").rstrip("/")
SMS_ACCOUNT = env.str("SMS_ACCOUNT", default="")
SMS_TOKEN = env.str("SMS_TOKEN", default="")
# A number in E.164, a name the provider knows, or a messaging service (MG...).
SMS_FROM = env.str("SMS_FROM", default="")
# The JSON of a Google service account.
FCM_CREDENTIALS = env.str("FCM_CREDENTIALS", default="")
FCM_URL = env.str("FCM_URL", default="https://fcm.googleapis.com").rstrip("/")
WEBPUSH_PRIVATE_KEY = env.str("WEBPUSH_PRIVATE_KEY", default="")
WEBPUSH_CONTACT = env.str("WEBPUSH_CONTACT", default="")
# A folder for text messages and pushes that have no provider, for development: a file a channel, a line a message.
MESSAGE_SINK = env.str("MESSAGE_SINK", default=str(BASE_DIR / "var" / "messages") if DEBUG else "")
# For development alone: call addresses of one's own network, by plain HTTP too.
OUTBOUND_ALLOW_PRIVATE = env.bool("OUTBOUND_ALLOW_PRIVATE", default=False)
OUTBOUND_PORTS = [int(port) for port in env.list("OUTBOUND_PORTS", default=["443", "8443"])]
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", default=30)

# --- Mail -----------------------------------------------------------------------------------------------------
# MAIL_PROVIDER names one of django-anymail's backends (postmark, mailgun, amazon_ses ...), set up by ANYMAIL_*; else
# EMAIL_URL says how: smtp+tls://user:password@host:587, consolemail://, filemail:////var/spool/mail. With neither,
# e-mail is off, and `manage.py check --deploy` says so.
MAIL_PROVIDER = env.str("MAIL_PROVIDER", default="")
_mail = env.email_url("EMAIL_URL", default=f"filemail:///{BASE_DIR / 'var' / 'mail'}" if DEBUG else "dummymail://")
EMAIL_BACKEND = f"anymail.backends.{MAIL_PROVIDER}.EmailBackend" if MAIL_PROVIDER else _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"] or None
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)
# The address that mail comes from; the name beside it is the merchant's.
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="loyalty@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ANYMAIL: dict[str, object] = {
    name.removesuffix("_FILE").removeprefix("ANYMAIL_"): env.str(name.removesuffix("_FILE"))
    for name in os.environ
    if name.startswith("ANYMAIL_")
}
ANYMAIL.setdefault("REQUESTS_TIMEOUT", EMAIL_TIMEOUT)
MESSAGES_KEEP_DAYS = env.int("MESSAGES_KEEP_DAYS", default=400)
# Where the demo's mail server keeps what was sent, for the console to show; empty: there is none.
MAIL_SINK = env.str("MAIL_SINK", default="")

# --- Console --------------------------------------------------------------------------------------------------
# Shown beside the user's name on every page: "Staging", say. Empty in production.
ENVIRONMENT_LABEL = env.str("ENVIRONMENT_LABEL", default="")
# A name that begins with "=" must not become a formula in somebody's spreadsheet.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True

# --- Logs -----------------------------------------------------------------------------------------------------
LOGGING = logging_config(
    level=env.str("LOG_LEVEL", default="INFO"), plain=DEBUG, stream=env.str("LOG_STREAM", default="stdout")
)

if dsn := env.str("SENTRY_DSN", default=""):
    import sentry_sdk

    sentry_sdk.init(dsn=dsn, send_default_pii=False, release=CODE_VERSION or None)

EMBEDDED_DATABASE = bool(os.environ.get("REGULARS_EMBEDDED"))
