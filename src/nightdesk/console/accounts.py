"""How accounts differ from allauth's defaults: nobody signs up, staff and customers each land in their own pages, and whoever
of the staff signs in is awake.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from nightdesk.access.models import User
from nightdesk.base import clock, vault
from nightdesk.base.actors import Door
from nightdesk.console.views.push import end_of_session
from nightdesk.people.actions import note_sign_of_life
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from nightdesk.safety.actions import note_visit_sign
from nightdesk.safety.decide import Sign


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
            at = clock.now()
            note_sign_of_life(person.id, at)
            by = actor_of_person(person.id)
            note_visit_sign(person_id=person.id, sign=Sign.SIGNED_IN, by=by, via=Door.WEB, at=at)
        answer: HttpResponse = super().post_login(request, user, **more)
        return answer


class SealedSecrets(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors, of which the secrets lie sealed. Those from before they did are still understood."""

    def encrypt(self, text: str) -> str:
        """What is kept for `text`; `keeping.resealing` knows the form."""
        return vault.seal_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The text again. Raises vault.Unreadable."""
        return vault.open_text(encrypted_text)
