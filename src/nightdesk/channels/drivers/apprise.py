"""Chat, and a hundred other services, by the library apprise.

The route holds the service's apprise URL, which is made of secrets, with `{target}` where the channel or the person stands
in it. An address is `service:target` ("ops-slack:#noc"): the route's own word for the service, and whom it is for. So
nothing secret lies in an address, in the ledger or in what the library logs: its words are kept from the log, and what we
quote of them has every piece of the URL taken out.

The library is synchronous. Each message has a thread of its own; one that hangs cannot be ended, so a route whose threads
all hang takes no more messages until one comes back, and nothing else waits for it. Services that reach into this machine
or speak anything but HTTP are refused, and so is every connection to a private address, at the moment of connecting and
wherever a name or a redirection led, unless the route allows it.
"""

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.channels.driver import Driver, Field, Outgoing, Permanent, Sent, Settings, Temporary
from nightdesk.channels.drivers.pacing import PACING
from nightdesk.channels.drivers.public import is_public
from nightdesk.channels.pager_text import fitted
from nightdesk.channels.wording import LINK, filled_in

TARGET = "{target}"
AT_ONCE = 8
TIMEOUT_S = 20.0
SOCKET_S = 8.0
"""The longest silence of a service, for a connection and for an answer each."""

REFUSED = {
    **dict.fromkeys(
        ("syslog", "rsyslog", "dbus", "kde", "qt", "glib", "gio", "gnome", "macosx", "windows", "blink1", "growl"),
        gettext_lazy("it reaches into a machine and not to a person"),
    ),
    **dict.fromkeys(("mailto", "mailtos", "deltachat", "deltachats"), gettext_lazy("e-mail has a driver of its own")),
    **dict.fromkeys(("smpp", "smpps"), gettext_lazy("SMS has drivers of its own")),
    **dict.fromkeys(
        ("irc", "ircs", "xmpp", "xmpps", "mqtt", "mqtts", "amqp", "amqps", "aprs"),
        gettext_lazy("it is no HTTP, so that where it connects to cannot be watched"),
    ),
    **dict.fromkeys(("vapid", "fcm"), gettext_lazy("it reads files of this machine")),
}
"""Schemas that no route may have, and why."""
FILES = frozenset({"template", "keyfile", "subfile", "pgpkey"})
"""Parameters of a URL that name a file of this machine."""

SAMPLES = ("target", "#target", "+447700900123", "12345678", "target@example.com")
"""Targets of the shapes that services want, to see whether a URL is one."""

_here = threading.local()
_PIECE = re.compile(r"[A-Za-z0-9_.~+-]{3,}")
_SEVERAL = re.compile(r"[][;,\s]")
"""What parts the targets in a list of apprise's."""
_STATUS = re.compile(r"\berror\s*=\s*(\d{3})\b")


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    body: str
    foot: str
    urgent: bool


class AppriseLine:
    """The way to one service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._most = 2 * (settings.get("at_once") or AT_ONCE)
        self._under_way = 0

    async def send(self, outgoing: Outgoing) -> Sent:
        url = self._url(outgoing.address)
        if self._under_way >= self._most:
            raise Temporary(_("The service hangs: every place is taken."))
        loop = asyncio.get_running_loop()
        came: asyncio.Future[Temporary | Permanent | None] = loop.create_future()

        def ended(how: Temporary | Permanent | None) -> None:
            self._under_way -= 1
            if not came.done():
                came.set_result(how)

        def work() -> None:
            how = _hand_over(url, _words(outgoing), anywhere=bool(self._settings.get("allow_private")))
            try:
                loop.call_soon_threadsafe(ended, how)
            except RuntimeError:  # it hung for longer than the worker lived
                return

        self._under_way += 1
        threading.Thread(target=work, name=f"apprise-{self._settings['service']}", daemon=True).start()
        how = await came
        if how is not None:
            raise how
        return Sent(str(outgoing.delivery_id))

    async def close(self) -> None:
        return

    def _url(self, address: str) -> str:
        service, _colon, target = address.partition(":")
        if service != self._settings["service"]:
            raise Permanent(
                _("This route serves addresses that begin with {service}: only.").format(
                    service=self._settings["service"]
                )
            )
        template: str = self._settings["url"]
        if problem := _refused(template):
            raise Permanent(problem)
        if _SEVERAL.search(target):
            raise Permanent(_("The address names several: give each an address of its own."))
        if (TARGET in template) != bool(target):
            raise Permanent(_("The address names nobody, or the route's URL has no place for whom it names."))
        return template.replace(TARGET, quote(target, safe=""))


def what_is_wrong(url: str) -> str:
    """Why no route may have this URL, "" where it may. The sentence holds nothing of the URL but its schema."""
    if problem := _refused(url):
        return problem
    library = _loaded()
    with _watched(public_only=True):
        for like in SAMPLES:
            if library.Apprise.instantiate(url.replace(TARGET, quote(like, safe="")), asset=_asset()) is not None:
                return ""
    return _("apprise does not understand this URL.")


def _refused(url: str) -> str:
    """The same, as far as its letters tell."""
    schema, colon, rest = url.partition("://")
    schema = schema.strip().lower()
    if not colon:
        return _("An apprise URL is expected, such as slack://... or ntfys://...")
    if schema in REFUSED:
        return _("{schema}:// is not taken: {why}.").format(schema=schema, why=REFUSED[schema])
    authority = re.split(r"[/?#]", rest.replace(TARGET, "\0"), maxsplit=1)[0]
    if "\0" in authority.rpartition("@")[2]:
        return _("{target} may not stand in place of the host.").format(target=TARGET)
    given = parse_qsl(rest.replace("?", "&").partition("&")[2].replace(";", "&"), keep_blank_values=True)
    files = {name.strip().lower() for name, _value in given} & FILES
    if files:
        return _("{names} would read a file of this machine.").format(names=", ".join(sorted(files)))
    return ""


def _words(outgoing: Outgoing) -> _Words:
    said, link = outgoing.said, outgoing.link
    title = " ".join(filled_in(f"[{said.code}] {said.title}" if said.code else said.title, "").split())
    foot = ""
    if link and LINK not in said.body:
        foot = f"{_('Answer here:') if said.verbs else _('See it here:')} {link}"
    return _Words(title, filled_in(said.body, link).strip(), foot, bool(said.verbs))


def _hand_over(url: str, words: _Words, *, anywhere: bool) -> Temporary | Permanent | None:
    """In a thread of its own: None where the service has taken it."""
    library = _loaded()
    with _watched(public_only=not anywhere) as log:
        try:
            service = library.Apprise.instantiate(url, asset=_asset())
            if service is None:
                return Permanent(_("apprise does not understand the route's URL with this address."))
            service.request_rate_per_sec = 0  # the route's own gate paces
            service.socket_connect_timeout = service.socket_read_timeout = SOCKET_S
            title, body = (_as_it_reads(part, service) for part in (words.title, _body(words, service)))
            kind = library.NotifyType.WARNING if words.urgent else library.NotifyType.INFO
            if service.notify(body=body, title=title, notify_type=kind):
                return None
            reason = " ".join(log.lines)
        except Exception as error:  # a plugin's fault is that service's; it is recorded with the attempt
            reason = f"{type(error).__name__}: {error}"
    if log.refused:
        return Permanent(_("The service leads into a private network, which the route does not allow."))
    status = _STATUS.search(reason)
    of_route = status is None or status[1] in ("401", "403", "429") or not status[1].startswith("4")
    return Temporary(_without_secrets(reason, url)[:300] or _("The service did not take it."), of_route=of_route)


def _body(words: _Words, service: Any) -> str:
    """The body as long as the service takes it, its end whole. A service without titles has the title in the body."""
    room = service.body_maxlen - (len(words.title) + 4 if service.title_maxlen <= 0 else 0)
    parts = [part for part in (words.body, words.foot) if part]
    if not parts:
        return words.title
    return fitted(words.body, words.foot, max(room, 0)) if words.body else words.foot


def _as_it_reads(text: str, service: Any) -> str:
    """Plain text in the format that the service wants, so that it reads the same there."""
    library = _loaded()
    return str(library.conversion.convert_between(library.NotifyFormat.TEXT, service.notify_format, text))


def _without_secrets(text: str, url: str) -> str:
    """`text` without any piece of the URL. More goes than need be: what is left is for whoever mends the route."""
    rest = url.partition("://")[2]
    pieces = set(_PIECE.findall(rest)) | set(_PIECE.findall(unquote(rest)))
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "***")
    return text


# What the library does while it runs


@dataclass(slots=True)
class _Log:
    lines: list[str]
    refused: bool = False


@contextmanager
def _watched(*, public_only: bool) -> Iterator[_Log]:
    """What this thread's library logs is gathered, and where it may connect to is watched."""
    _here.log, _here.public_only = _Log([]), public_only
    try:
        yield _here.log
    finally:
        _here.log, _here.public_only = None, False


class _Gather(logging.Handler):
    """Keeps the warnings of the thread that it runs in, for the attempt's reason, and writes nothing anywhere."""

    def emit(self, record: logging.LogRecord) -> None:
        log: _Log | None = getattr(_here, "log", None)
        if log is not None and len(log.lines) < 5:
            log.lines.append(" ".join(record.getMessage().split()))


def _look(event: str, args: tuple[Any, ...]) -> None:
    """Refuse this thread's connections to what is not public. Names are resolved by then, redirections followed."""
    if event not in ("socket.connect", "socket.sendto") or not getattr(_here, "public_only", False):
        return
    address = args[-1]
    if not (isinstance(address, tuple) and is_public(str(address[0]))):
        _here.log.refused = True
        raise PermissionError("private address")


@cache
def _loaded() -> ModuleType:
    """The library, when it is first needed: it brings two hundred modules. From then on it and its HTTP client log nowhere."""
    import apprise
    import apprise.conversion

    gather = _Gather(logging.WARNING)
    for name in ("apprise", "urllib3", "requests", "charset_normalizer"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [gather if name == "apprise" else logging.NullHandler()]
    sys.addaudithook(_look)
    return apprise


@cache
def _asset() -> Any:
    library = _loaded()
    return library.AppriseAsset(
        app_id="Nightdesk",
        app_desc="Nightdesk",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
        storage_mode=library.PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
    )


DRIVER = Driver(
    name="apprise",
    channel="chat",
    label=gettext_lazy("Chat, and 100 services by apprise"),
    connect=AppriseLine,
    timeout_s=TIMEOUT_S,
    patience_s=3.0,
    at_once=AT_ONCE,
    fields=(
        Field(
            "service",
            gettext_lazy("Name of the service in addresses"),
            required=True,
            help=gettext_lazy("A word such as slack: it serves the addresses that begin with slack: then."),
        ),
        Field(
            "url",
            gettext_lazy("Apprise URL"),
            secret=True,
            required=True,
            help=gettext_lazy("With {target} where the channel or person stands: slack://T/B/X/{target}"),
            check=what_is_wrong,
        ),
        Field("allow_private", gettext_lazy("May call private addresses"), kind="flag", default=False),
        *PACING,
    ),
)
