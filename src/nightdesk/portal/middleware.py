"""Whom a company's own sign-in let in gets to its pages, and not to the account behind them."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from nightdesk.portal.door import LINK

ACCOUNT = "/account/"


class KeepFromTheAccount:
    """A password or passkey that was set here would open the account's other companies, and outlive what the company says."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Before the second step of signing in nobody is known yet.
        kept = request.path.startswith(ACCOUNT) and request.user.is_authenticated and LINK in request.session
        if not kept or request.path == resolve_url("account_logout"):
            return self.answer(request)
        messages.info(request, _("You came in by your company's sign-in; how you sign in is set there."))
        return HttpResponseRedirect(resolve_url("portal:home"))
