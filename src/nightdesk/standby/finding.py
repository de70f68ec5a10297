"""What `doctor` finds of the second site: whether it pulls, whether pages go out, and whether both hang on one network."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from nightdesk.channels.models import Route
from nightdesk.standby import decide, networks, queries
from nightdesk.standby.models import Drill, WatchRow

MONTH = timedelta(days=35)
ROLES = ("status", "dns", "sms", "mail")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing looked at; `do` is empty where nothing needs to be done."""

    state: Literal["ok", "warn", "fail"]
    said: str
    do: str = ""


def look(at: datetime) -> Iterator[Found]:
    """Everything that can be known from this site."""
    if queries.is_second_site():
        yield from _of_watch(at)
        return
    row = queries.pairing()
    if row is None:
        return
    if row.heard_at is None or at - row.heard_at > queries.STALE_AFTER:
        since = f"since {row.heard_at:%Y-%m-%d %H:%M:%S} UTC" if row.heard_at else "ever"
        yield Found("fail", f"{row.name} has not pulled {since}.", "See there: nightdesk standby show")
    elif row.told.get("problem"):
        yield Found("warn", f"{row.name} says: {row.told['problem']}", "Mend what it says; both run the same version?")
    else:
        yield Found("ok", f"{row.name} pulls, and is {row.told.get('state')}.")
    if row.tests_since and (row.tested_at is None or at - row.tested_at > decide.TEST_LATE):
        yield Found("fail", "No test page has come to its end lately.", "See that a worker runs: nightdesk doctor")
    elif row.test_problem:
        yield Found("warn", f"The last test page: {row.test_problem}", "Look at the rota, and who can be reached.")
    drill = Drill.objects.filter(ended_at__isnull=False).order_by("-ended_at").first()
    if drill is None or drill.ended_at is None or at - drill.ended_at > MONTH:
        yield Found("warn", "There was no drill within a month.", "nightdesk standby agree --as EMAIL, then: drill")
    yield from of_networks(_hosts_of_second(), _hosts_of_main())


def _of_watch(at: datetime) -> Iterator[Found]:
    row = WatchRow.objects.filter(id=1).first()
    if row is None or row.snapshot_at is None:
        yield Found(
            "fail", "Nothing is known of the main site yet.", "See NIGHTDESK_STANDBY_OF and NIGHTDESK_STANDBY_KEY."
        )
        return
    age = at - row.snapshot_at
    said = f"It is {row.state}; what it knows is {age.total_seconds():.0f} s old."
    if row.problem or age > queries.STALE_AFTER:
        yield Found("fail", f"{said} {row.problem}".strip(), "Look at the main site, and at the way there.")
    else:
        yield Found("ok", said)
    loud = Route.objects.filter(channel__in=("sms", "voice"), enabled=True).exclude(driver="outbox")
    for channel, ways in (("texts or calls", loud), ("mail", Route.objects.filter(channel="email", enabled=True))):
        if not ways.exclude(driver="outbox").exists():
            yield Found("fail", f"It has no provider of its own for {channel}.", "Add one here: Settings, Providers.")


def of_networks(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Found]:
    """Whether what the second site needs (role -> host) lies on a network of the main one."""
    if not ours:
        yield Found(
            "warn", "Which hosts the second site needs is not said.",
            "Set NIGHTDESK_STANDBY_HOSTS: status=HOST, dns=HOST, sms=HOST, mail=HOST",
        )  # fmt: skip
        return
    for role in ROLES:
        if role not in ours:
            yield Found("warn", f"The second site's {role} is not named.", "Add it to NIGHTDESK_STANDBY_HOSTS.")
    try:
        table = networks.table_of(settings.STANDBY_PREFIXES)
    except ValueError as error:
        yield Found(
            "fail", f"NIGHTDESK_STANDBY_PREFIXES cannot be read: {error}", "One PREFIX NAME, with commas between."
        )
        return
    found = {role: addresses_of(host) for role, host in ours.items()}
    for role, addresses in found.items():
        if not addresses:
            yield Found(
                "fail", f"The second site's {role}, {ours[role]}, has no address.", "See that its name resolves."
            )
    shared = networks.shared(found, {role: addresses_of(host) for role, host in theirs.items()}, table)
    for each in shared:
        yield Found(
            "fail", f"The second site's {each.ours} and our {each.theirs} hang on one network, {each.name}.",
            "Have it elsewhere: what fails together cannot stand in. NIGHTDESK_STANDBY_PREFIXES says what belongs together.",
        )  # fmt: skip
    if not shared:
        yield Found("ok", f"{', '.join(ours)} of the second site hang on other networks than we do.")


def _hosts_of_second() -> dict[str, str]:
    pairs = (each.partition("=") for each in settings.STANDBY_HOSTS.replace(",", " ").split())
    return {role: host for role, _, host in pairs if host}


def _hosts_of_main() -> dict[str, str]:
    hosts = {"web": urlsplit(settings.PUBLIC_URL).hostname or settings.HOST}
    for route in Route.objects.filter(enabled=True, channel__in=("sms", "email", "voice")):
        host = route.config.get("host") or urlsplit(str(route.config.get("base_url") or "")).hostname
        if host:
            hosts[f"{route.channel} by {route.name}"] = str(host)
    return hosts


def addresses_of(host: str) -> list[str]:
    """What the name resolves to; nothing where it does not."""
    try:
        return sorted({str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(host, None)})
    except OSError:
        return []
