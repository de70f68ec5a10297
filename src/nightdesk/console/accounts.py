"""How accounts differ from allauth's defaults: nobody signs up, staff and customers each land in their own pages, and whoever
of the staff signs in is awake.
"""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from nightdesk.access.models import User
from nightdesk.base import clock, vault
from nightdesk.base.actors import Door
from nightdesk.console.views.push import end_of_session
from nightdesk.outages.published_queries import address_at
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

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Links in it lead to an address of ours, whatever Host was asked: whoever has a mail sent to somebody else chooses that.

        A code comes with a link to the page that takes it, which lets in no browser but the one that asked.
        """
        asked, ours = self.request.build_absolute_uri("/"), address_at(self.request.get_host())
        told = {
            name: f"{ours}/{value.removeprefix(asked)}" if isinstance(value, str) and value.startswith(asked) else value
            for name, value in context.items()
        }
        if "code" in context:
            page = resolve_url("account_confirm_login_code")
            told["link"] = f"{ours}{page}?{urlencode({'code': context['code']})}"
        site = SimpleNamespace(name=self._name, domain=ours)
        super().send_mail(template_prefix, email, told | {"current_site": site})

    def format_email_subject(self, subject: str) -> str:
        """Which of ours it is from stands in front."""
        return f"[{self._name}] {subject}"

    @property
    def _name(self) -> str:
        return urlsplit(address_at(self.request.get_host())).hostname or "Nightdesk"

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
