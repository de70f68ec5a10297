"""A request of a provider that speaks Twilio's language: for which route it is, what it says, whether it is genuine."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from django.conf import settings
from django.http import Http404, HttpRequest

from nightdesk.base import clock, vault
from nightdesk.base.actors import Actor
from nightdesk.base.buckets import Buckets
from nightdesk.channels.driver import Settings
from nightdesk.channels.drivers import twilio
from nightdesk.channels.models import Route
from nightdesk.channels.queries import settings_of

DOOR = Buckets(100, 1000)
"""By route and by the address that asks: a stranger uses up nobody else's."""
_KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Twilio-Signature", "I-Twilio-Idempotency-Token")

Form = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Called:
    """The request, with the route that it is for. `settings` is empty where its secrets cannot be opened."""

    request: HttpRequest
    route: Route
    settings: Settings
    form: Form

    @property
    def headers(self) -> dict[str, str]:
        """Those that are kept with it."""
        return {name: self.request.headers[name] for name in _KEPT_HEADERS if name in self.request.headers}

    @property
    def machine(self) -> Actor:
        """The provider, as whoever acts."""
        return Actor("machine", str(self.route.pk), self.route.name, scopes=frozenset())

    def is_genuine(self) -> bool:
        """Whether the route's provider signed it: for our public URL, or for the host that it asked for."""
        said = self.request.body if self.request.content_type == "application/json" else self.form
        urls = [settings.PUBLIC_URL + self.request.get_full_path(), self.request.build_absolute_uri()]
        return twilio.is_genuine(urls, said, self.request.headers.get("X-Twilio-Signature", ""), self.settings)


def called_by(request: HttpRequest, route_id: int, driver: str) -> Called:
    """The request for a route. Raises TooMany, and Http404 for a route that is none of that driver's."""
    DOOR.let_in(request, clock.now(), route_id)
    route = Route.objects.filter(id=route_id, driver=driver).first()
    if route is None:
        raise Http404
    raw = request.body
    if request.content_type == "application/json":
        form: Form = twilio.read_json(raw)
    else:
        form = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
    return Called(request, route, opened(route), form)


def opened(route: Route) -> Settings:
    """What the route was set up with; nothing where its secrets cannot be opened."""
    try:
        return settings_of(route)
    except vault.Unreadable:
        return {}
