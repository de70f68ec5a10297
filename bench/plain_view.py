"""A plain Django view that answers a page held in memory, with the middleware of a new project: the yardstick of `page`.

python -m bench.plain_view PORT FILE     one granian process, until it is ended
"""

import sys
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from granian import Granian
from granian.constants import Interfaces

BODY = Path(sys.argv[2] if len(sys.argv) > 2 else __file__).read_bytes()

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="bench",
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )


def page(_request: HttpRequest) -> HttpResponse:
    """The page, and nothing asked of any database."""
    return HttpResponse(BODY)


urlpatterns = [path("", page)]
application = get_wsgi_application()

if __name__ == "__main__":
    Granian(
        "bench.plain_view:application", address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.WSGI,
        workers=1, log_enabled=False,
    ).serve()  # fmt: skip
