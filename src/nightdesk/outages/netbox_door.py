"""Asking a NetBox for its lists: by HTTPS, with a token, page by page, and no more than we can hold.

Only `next` of our own reckoning is asked for, and no redirect is followed, so that the token goes nowhere else.
"""

import http.client
import json
import ssl
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.outages.netbox import MOST_OBJECTS, PATHS

TIMEOUT_S = 20
ALL_WITHIN_S = 90
PAGE_OBJECTS = 500
LONGEST_PAGE = 16 * 1024 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NetBoxSilent(Refusal):
    """The NetBox that was asked gave no lists."""

    code = "netbox-silent"
    status = 422
    title = "That NetBox gave no lists"


def fetch_lists(*, url: str, token: str, site: str = "") -> dict[str, list[dict[str, Any]]]:
    """Every list of `netbox.PATHS`, whole; of one site (its slug) where one is named, with all circuits and cables.

    `url` is NetBox's own address, `https://netbox.example.net`; plain HTTP is for loopback alone. Raises Invalid for what is
    no such address, NetBoxSilent for what does not answer, refuses the token, or gives something else.
    """
    asked = _("The lists of the NetBox at %s were asked for.") % url[:80]
    parts = urlsplit(url.strip())
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("https", "http") or parts.username or parts.query or parts.fragment:
        raise Invalid(asked, _("That is no address of a NetBox."), _("Give one such as https://netbox.example.net."))
    if parts.scheme == "http" and host not in LOOPBACK:
        raise Invalid(asked, _("The token would cross the network readable by everybody."), _("Give an https address."))
    if not token.strip() or not token.isascii() or not token.isprintable():
        raise Invalid(asked, _("No token was given."), _("Make a token in NetBox that may only read, and give it."))
    base = parts.path.rstrip("/").removesuffix("/api")
    door = _Door(host, port, tls=parts.scheme == "https", token=token.strip(), asked=asked)
    try:
        return {
            name: door.whole_list(f"{base}/api/{path}", site if name in ("sites", "racks", "devices") else "", name)
            for name, path in PATHS.items()
        }
    finally:
        door.connection.close()


class _Door:
    """One connection, and how much was taken of what it may give."""

    def __init__(self, host: str, port: int | None, *, tls: bool, token: str, asked: str) -> None:
        self.asked, self.until, self.objects = asked, time.monotonic() + ALL_WITHIN_S, 0
        # Tokens that NetBox has made since version 4.5 begin so, and are borne.
        scheme = "Bearer" if token.startswith("nbt_") else "Token"
        self.headers = {"Authorization": f"{scheme} {token}", "Accept": "application/json"}
        self.connection: http.client.HTTPConnection
        if tls:
            context = ssl.create_default_context()
            self.connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        else:
            self.connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def whole_list(self, path: str, site: str, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            query: dict[str, Any] = {"limit": PAGE_OBJECTS, "offset": len(found)}
            if site:
                query["slug" if name == "sites" else "site"] = site
            page = self._page(f"{path}?{urlencode(query)}")
            rows, count = page.get("results"), page.get("count")
            if (
                not isinstance(rows, list)
                or not isinstance(count, int)
                or not all(isinstance(row, dict) for row in rows)
            ):
                raise self._silent(_("It answers, but not as a NetBox does."), _("Look at the address."))
            found += rows
            self.objects += len(rows)
            if self.objects > MOST_OBJECTS:
                raise self._silent(_("It has more than %d objects.") % MOST_OBJECTS, _("Ask for one site at a time."))
            if not rows or len(found) >= count:
                return found

    def _page(self, address: str) -> dict[str, Any]:
        if time.monotonic() > self.until:
            raise self._silent(
                _("It took more than %d seconds.") % ALL_WITHIN_S, _("Ask for one site at a time, or upload the lists.")
            )
        try:
            self.connection.request("GET", address, headers=self.headers)
            answer = self.connection.getresponse()
            body = answer.read(LONGEST_PAGE + 1)
        except (OSError, http.client.HTTPException) as silent:
            so = _("It cannot be reached: %s.") % (str(silent) or type(silent).__name__)[:120]
            raise self._silent(so, _("Look at the address, and whether this machine may reach it.")) from silent
        if answer.status in (401, 403):
            raise self._silent(_("It refuses the token."), _("Give a token that may read DCIM and circuits."))
        if answer.status != http.client.OK:
            raise self._silent(_("It answers with %d.") % answer.status, _("Look at the address."))
        if len(body) > LONGEST_PAGE:
            raise self._silent(_("One page of it is too long."), _("Ask for one site at a time."))
        try:
            page = json.loads(body)
        except (ValueError, RecursionError):
            page = None
        if not isinstance(page, dict):
            raise self._silent(_("It answers, but not as a NetBox does."), _("Look at the address."))
        return page

    def _silent(self, so: str, do: str) -> NetBoxSilent:
        return NetBoxSilent(self.asked, so, do)
