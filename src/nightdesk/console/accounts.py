"""How accounts differ from allauth's defaults: nobody signs up, staff and customers each land in their own pages, and whoever
of the staff signs in is awake.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.console.views.push import end_of_session
from nightdesk.people.actions import note_sign_of_life
from nightdesk.people.models import Person


class StaffAccounts(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Accounts are made by an administrator."""
        return False

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Users have no user name."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Customers' contacts go to their own pages, the staff to Tonight."""
        customer = isinstance(request.user, User) and request.user.kind == User.Kind.CUSTOMER
        return resolve_url("portal:home") if customer else str(super().get_login_redirect_url(request))

    def logout(self, request: HttpRequest) -> None:
        """Whoever signs out of a browser is not notified in it any more."""
        end_of_session(request)
        super().logout(request)

    def post_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse:
        """Somebody who signs in has shown a sign of life."""
        person = Person.objects.filter(user=user).first()
        if person is not None:
            note_sign_of_life(person.id, clock.now())
        answer: HttpResponse = super().post_login(request, user, **more)
        return answer
