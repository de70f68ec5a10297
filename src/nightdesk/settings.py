"""Django's settings, from the environment. Everything an administrator may change while it runs lies in the database."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from nightdesk.base import env
from nightdesk.base.vault import read_keys

HERE = Path(__file__).resolve().parent
STATE_DIR = env.state_dir()
FILES_DIR = env.path(
    "NIGHTDESK_FILES_DIR", STATE_DIR / "files", "Folder of attachments; on several machines a shared one."
)
STATUS_DIR = env.path(
    "NIGHTDESK_STATUS_DIR", STATE_DIR / "status", "Folder of the public status pages as files, for another network."
)
SCANNER = env.text(
    "NIGHTDESK_SCANNER", "", "Virus scanner of attachments: clamd:///PATH, clamd://HOST:3310, or an http(s) hook."
)
if SCANNER and urlsplit(SCANNER).scheme not in ("clamd", "http", "https"):
    raise env.BadSetting("NIGHTDESK_SCANNER", repr(SCANNER), "an address that begins with clamd:, http: or https:")

CARRIER_PARSER = env.text(
    "NIGHTDESK_CARRIER_PARSER", "", "Python of the environment in which circuit-maintenance-parser is installed."
)

HOST = env.text("NIGHTDESK_HOST", "127.0.0.1", "Address that the web process listens on.")
PORT = env.integer("NIGHTDESK_PORT", 8080, "Port that the web process listens on.", least=1, most=65535)
PUBLIC_URL = env.text(
    "NIGHTDESK_PUBLIC_URL", f"http://{HOST}:{PORT}", "Address under which people and providers reach us, in links."
).rstrip("/")
TRUSTED_PROXIES = tuple(
    env.text("NIGHTDESK_TRUSTED_PROXIES", "", "Networks whose X-Forwarded headers are believed, with commas.")
    .replace(",", " ")
    .split()
)
DEMO = env.flag("NIGHTDESK_DEMO", False, "Load the demo company into an empty database when serving.")
DEBUG = False


ROLE = env.text("NIGHTDESK_ROLE", "main", "What this installation is: main, or standby (the second site).")
if ROLE not in ("main", "standby"):
    raise env.BadSetting("NIGHTDESK_ROLE", repr(ROLE), "main or standby")
STANDBY_OF = env.text(
    "NIGHTDESK_STANDBY_OF", "", "Address of the main site, for the second one: https://nightdesk.example."
).rstrip("/")
STANDBY_KEY = env.secret("NIGHTDESK_STANDBY_KEY", "", "Key of the pairing, as the main site's Settings showed it once.")
STANDBY_EVERY = timedelta(
    seconds=env.integer("NIGHTDESK_STANDBY_EVERY", 3, "Seconds between two looks at the main site.", least=1, most=60)
)
STANDBY_PREFIXES = env.text(
    "NIGHTDESK_STANDBY_PREFIXES",
    "",
    "Which addresses belong together, for doctor: PREFIX NAME, with commas between them.",
)
STANDBY_HOSTS = env.text(
    "NIGHTDESK_STANDBY_HOSTS", "", "Hosts of the second site for doctor: status=HOST, dns=HOST, sms=HOST, mail=HOST."
)
if ROLE == "standby" and not (STANDBY_OF and STANDBY_KEY):
    raise env.BadSetting(
        "NIGHTDESK_ROLE",
        "'standby'",
        "with it NIGHTDESK_STANDBY_OF (the main site) and NIGHTDESK_STANDBY_KEY (the pairing)",
    )


def _master_keys() -> tuple[list[str], Path | None]:
    """The keys that sign links and encrypt secrets, newest first, and the file they lie in where that is our own.

    From the environment, else a file of this installation with one a line.
    """
    given = env.secret("NIGHTDESK_SECRET_KEY", None, "Key that signs links and encrypts providers' secrets.")
    older = env.secret(
        "NIGHTDESK_OLD_SECRET_KEYS",
        "",
        "Earlier values of NIGHTDESK_SECRET_KEY, with commas: they still open and sign in.",
    )
    if given:
        return [given, *(key.strip() for key in older.split(",") if key.strip())], None
    file = STATE_DIR / "secret.key"
    try:
        if not file.exists():
            _make_key(file)
        keys = read_keys(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise _no_key(file, getattr(error, "strerror", None) or "it is no text") from None
    if not keys:
        raise _no_key(file, "it is empty")
    return keys, file


def _make_key(file: Path) -> None:
    STATE_DIR.mkdir(parents=True, exist_ok=True)
    draft = STATE_DIR / f"secret.key.{os.getpid()}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
        new.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):  # whoever links first has made the key; nobody ever reads half of one
        os.link(draft, file)
    draft.unlink()


def _no_key(file: Path, why: str) -> env.BadSetting:
    return env.BadSetting(
        "NIGHTDESK_STATE_DIR",
        f"{str(STATE_DIR)!r}, and the master key in {file} cannot be had ({why})",
        "a folder whose secret.key the user who runs this can read: give it to them, put it back from a backup, or set "
        "NIGHTDESK_SECRET_KEY; without it nothing that was sealed opens",
    )


def _database() -> dict[str, Any]:
    """Connection settings from NIGHTDESK_DATABASE_URL; `nightdesk` sets it for its own PostgreSQL before this is read."""
    url = env.secret("NIGHTDESK_DATABASE_URL", "", "PostgreSQL 15 or newer to use; empty: Nightdesk runs its own.")
    try:
        options: dict[str, Any] = {**conninfo_to_dict(url or "postgresql://nightdesk@localhost/nightdesk")}
    except ProgrammingError:  # without the reason, which may hold the password
        raise env.BadSetting(
            "NIGHTDESK_DATABASE_URL", "not what PostgreSQL understands", "postgresql://user:password@host:5432/database"
        ) from None
    # libpq reads it, as it knows several hosts, each with a port of its own.
    name, user, password, host, port = (
        options.pop(part, "") for part in ("dbname", "user", "password", "host", "port")
    )
    # What holds a lock and says nothing must not hold the night up.
    options["options"] = "-c lock_timeout=8000 -c idle_in_transaction_session_timeout=60000"
    options.setdefault("connect_timeout", 3)
    # A server that is gone without a word (cut link, failed-over host) is noticed in seconds and not in hours.
    options |= {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3}
    options |= {"tcp_user_timeout": 15000}
    # Statements are prepared once a connection: planning them anew took a third of the time of an alarm.
    options |= {"server_side_binding": True, "prepare_threshold": 3}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        "TEST": {"NAME": f"{name or 'nightdesk'}_test"},
    }


(SECRET_KEY, *SECRET_KEY_FALLBACKS), SECRET_KEY_PLACE = _master_keys()
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

ROOMS = (
    "base",
    "journal",
    "access",
    "people",
    "customers",
    "knowledge",
    "rota",
    "duty",
    "mailroom",
    "channels",
    "paging",
    "outages",
    "desk",
    "calls",
    "safety",
    "reports",
    "keeping",
    "standby",
    "console",
    "portal",
)
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "nightdesk",
    *(f"nightdesk.{room}" for room in ROOMS),
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "nightdesk.paging.middleware.StraightToTheDoor",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "nightdesk.console.middleware.SpeakTheirLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "nightdesk.portal.middleware.KeepFromTheAccount",
    "nightdesk.console.middleware.KnowTheReader",
    "nightdesk.console.middleware.KnowTheBrowser",
    "nightdesk.console.middleware.AnswerRefusals",
    "axes.middleware.AxesMiddleware",  # last: it turns a lock-out into the answer of the log-in page
]
ROOT_URLCONF = "nightdesk.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "console" / "templates"],  # before allauth's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "nightdesk.console.context.every_page",
            ],
            "libraries": {"lucide": "nightdesk.console.templatetags.icons"},
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = None
# Files are served from the installed packages; nothing has to be collected before the first start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "nightdesk.console.accounts.StaffAccounts"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
# By address alone, a stranger who guesses would keep the engineer out at 4 AM; axes counts address and name together.
ACCOUNT_RATE_LIMITS = {"login_failed": "30/m/ip"}
MFA_ADAPTER = "nightdesk.console.accounts.SealedSecrets"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
ROLES = ("engineer", "desk", "manager", "admin", "bureau", "read-only")
SECOND_FACTOR_ROLES = env.words(
    "NIGHTDESK_SECOND_FACTOR_ROLES",
    ROLES,
    "Roles that need a passkey or an authenticator app to reach anything in a browser, with commas.",
)
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "login"
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_VERBOSE = False

_SECURE = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.text("NIGHTDESK_ALLOWED_HOSTS", "*", "Host names that we answer to, with commas.").split(",")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = _SECURE
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_HSTS_SECONDS = 31536000 if _SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Parts of pages that are the same until the program is begun anew: ways to go, words of the script.
    "drawn": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "drawn",
        "TIMEOUT": None,
        "OPTIONS": {"MAX_ENTRIES": 2000},
    },
}

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", _("English")), ("de", _("German")), ("fr", _("French"))]
LOCALE_PATHS = [HERE / "locale"]
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True

# Mail that the account pages send goes through our own ledger, like every other message.
EMAIL_BACKEND = "nightdesk.channels.account_mail.LedgerBackend"
HANDOVER_NOTE_BEFORE = timedelta(
    minutes=env.integer(
        "NIGHTDESK_HANDOVER_NOTE_MINUTES",
        30,
        "minutes before a turn at which its handover note is drafted, and whoever is next is asked to accept",
        least=1,
        most=720,
    )
)
STAFF_RECORDS_KEPT = timedelta(
    days=env.integer(
        "NIGHTDESK_STAFF_RECORDS_KEPT",
        800,
        "Days for which hours worked, rest owed and exemptions are kept; the law wants two years.",
        least=731,
    )
)
CALLERS_KEPT = timedelta(
    days=env.integer(
        "NIGHTDESK_CALLERS_KEPT",
        400,
        "Days for which it is kept who rang, and what was heard and said in a call; 0: for ever. The figures stay.",
        least=0,
    )
)
VISITS_KEPT = timedelta(
    days=env.integer(
        "NIGHTDESK_VISITS_KEPT",
        90,
        "Days for which it is kept where somebody was on a site visit, once it is over; drills are kept as staff records.",
        least=1,
    )
)
TESTED_WITHIN = timedelta(
    days=env.integer(
        "NIGHTDESK_TESTED_WITHIN",
        90,
        "Days for which a phone counts as working after its last answered test; later whoever is on duty is warned.",
        least=1,
    )
)
DEFAULT_FROM_EMAIL = env.text("NIGHTDESK_MAIL_FROM", "Nightdesk <nightdesk@localhost>", "Sender of our mail.")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# The address is unique whatever its case, by a constraint that this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": env.text("NIGHTDESK_LOG_LEVEL", "INFO", "How much is logged: DEBUG, INFO, WARNING, ERROR."),
    },
    "loggers": {
        "django.request": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        # It logs each of its own stumbles over mails that are no bounces.
        "flufl.bounce": {"level": "CRITICAL"},
        "mail.log": {"level": "WARNING"},  # aiosmtpd tells every command, and with it addresses
    },
}
