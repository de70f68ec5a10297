"""`nightdesk doctor`: is everything as it must be for tonight, and if not, what to do."""

import json
import shutil
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, Literal
from urllib.parse import urlsplit

import django.core.exceptions
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from nightdesk import cli
from nightdesk.access.queries import without_second_factor
from nightdesk.base import clock, env, health, leases, vault, wal
from nightdesk.base.models import Promise, Worker
from nightdesk.base.worker import LEASED, database_time
from nightdesk.channels.drivers import push
from nightdesk.channels.models import Device, Route
from nightdesk.channels.queries import settings_of
from nightdesk.keeping import places, restoring
from nightdesk.keeping import queries as keeping_queries
from nightdesk.keeping.tasks import database_url
from nightdesk.mailroom.queries import how_it_does, mailboxes, ours
from nightdesk.paging import queries
from nightdesk.people.models import Person
from nightdesk.portal import policies
from nightdesk.standby import finding

OLDEST_SERVER = 150000
CLOCK_OFF_S = 2.0
DISK_WARN_BYTES, DISK_FAIL_BYTES = 2 << 30, 256 << 20
OVERDUE_WARN_S, OVERDUE_FAIL_S = 5.0, 60.0
BACKUP_GRACE = timedelta(hours=2)
WRITES_BEHIND = timedelta(minutes=5)
_CONNECT_S = 3.0
_USUAL_PORTS = {"https": 443, "http": 80, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `do` is empty where nothing needs to be done."""

    state: Literal["ok", "warn", "fail"]
    about: str
    said: str
    do: str = ""


class Command(BaseCommand):
    help = (
        "Look at settings, database, mail, texts, notifications, disk and worker, and say what to do; 1 if one fails."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *_: Any, **options: Any) -> None:
        findings = list(examine())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.state:<4}  {finding.about}: {finding.said}")
                if finding.do:
                    self.stdout.write(f"      {finding.do}")
        if any(finding.state == "fail" for finding in findings):
            sys.exit(1)


def examine() -> Iterator[Finding]:
    """Everything, in the order in which it should be mended. What needs the database is left out while it is away."""
    yield from of_settings()
    yield of_disk(shutil.disk_usage(_existing(settings.STATE_DIR)).free)
    database = of_database()
    yield database
    if database.state == "fail":
        return
    yield of_clock(clock.follow(database_time()).total_seconds())
    try:
        for look in WITH_DATABASE:
            yield from look(clock.now())
    except DatabaseError as error:
        yield Finding("fail", "tables", _one_line(error), "Run: nightdesk migrate")


def of_settings() -> Iterator[Finding]:
    """They were understood, or we would not be here; what is legal and still unwise is told."""
    told = len(env.REGISTRY)
    yield Finding("ok", "settings", f"{told} settings read; the state folder is {settings.STATE_DIR}.")
    if settings.PUBLIC_URL.startswith("http://") and not _is_loopback(settings.PUBLIC_URL):
        yield Finding(
            "warn", "address", f"Links go to {settings.PUBLIC_URL}, unencrypted: log-ins can be read on the way.",
            "Put a proxy with TLS in front and set NIGHTDESK_PUBLIC_URL to its https address.",
        )  # fmt: skip
    elif _is_loopback(settings.PUBLIC_URL):
        yield Finding(
            "warn", "address", f"Links in texts and mails go to {settings.PUBLIC_URL}, which only this machine can open.",
            "Set NIGHTDESK_PUBLIC_URL to the address under which people reach Nightdesk.",
        )  # fmt: skip
    if "*" in settings.ALLOWED_HOSTS and not _is_loopback(settings.PUBLIC_URL):
        yield Finding(
            "warn",
            "host names",
            "Any Host header is answered.",
            "Set NIGHTDESK_ALLOWED_HOSTS to the names that are ours.",
        )


def of_disk(free_bytes: int) -> Finding:
    """Whether the state folder's disk has room; PostgreSQL stops when it has none."""
    said = f"{free_bytes / (1 << 30):.1f} GB are free where the state folder lies."
    if free_bytes < DISK_FAIL_BYTES:
        return Finding("fail", "disk", said, "Make room now: the database stops when the disk is full.")
    if free_bytes < DISK_WARN_BYTES:
        return Finding("warn", "disk", said, "Make room, or move NIGHTDESK_STATE_DIR to a larger disk.")
    return Finding("ok", "disk", said)


def of_database() -> Finding:
    """Whether it answers, is new enough, and has every migration and the extension that we use."""
    if cli.database_problem:
        return Finding(
            "fail", "database", cli.database_problem, "Mend that, or set NIGHTDESK_DATABASE_URL to another one."
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            number, version = cursor.fetchone()
    except (DatabaseError, django.core.exceptions.ImproperlyConfigured) as error:
        return Finding(
            "fail", "database", f"It does not answer: {_one_line(error)}",
            "Start it, or put NIGHTDESK_DATABASE_URL right. Without that variable Nightdesk starts one of its own.",
        )  # fmt: skip
    if number < OLDEST_SERVER:
        return Finding("fail", "database", f"PostgreSQL {version} is too old.", "Use PostgreSQL 15 or newer.")
    missing = health.why_not_ready()
    if missing:
        return Finding("fail", "database", missing, "Run: nightdesk migrate")
    return Finding("ok", "database", f"PostgreSQL {version}, every migration applied.")


def of_clock(offset_s: float) -> Finding:
    """How far the host is from the database, whose time counts."""
    said = f"This host is {abs(offset_s):.2f} s {'behind' if offset_s > 0 else 'ahead of'} the database."
    if abs(offset_s) > CLOCK_OFF_S:
        return Finding("warn", "clock", said, "Nightdesk corrects for it, logs do not: let NTP keep both clocks.")
    return Finding("ok", "clock", said)


def of_mail(at: datetime) -> Iterator[Finding]:
    """Whether there is a way for mail, and whether its server can be reached."""
    if not parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2].count("."):
        yield Finding(
            "warn", "mail", f"Mail is sent as {settings.DEFAULT_FROM_EMAIL}, which most servers refuse.",
            "Set NIGHTDESK_MAIL_FROM to an address of your own domain.",
        )  # fmt: skip
    yield from _of_routes("mail", "email", at)


def of_mail_in(at: datetime) -> Iterator[Finding]:
    """Whether mail that answers us can get here, and every mailbox is read."""
    for mailbox in mailboxes():
        tone, words = how_it_does(mailbox, at)
        name = f"mail in, {mailbox.name}"
        if tone == "fire":
            yield Finding("fail", name, words, "Put it right under Settings, Mail in; or see that a worker runs.")
        else:
            yield Finding("ok", name, f"It {words}." if tone else f"It is {words}.")
    if not ours():
        yield Finding(
            "warn", "mail in", "No address is ours, so nobody can answer a page by mail and bounces are not seen.",
            "Add an address under Settings, Mail in.",
        )  # fmt: skip


def of_texts(at: datetime) -> Iterator[Finding]:
    """Whether there is a way for texts, which is what wakes people."""
    yield from _of_routes("texts", "sms", at)


def of_notifications(at: datetime) -> Iterator[Finding]:
    """Whether phones can be notified: a key that can be opened, and a contact that push services take."""
    del at
    route = Route.objects.filter(channel="push", enabled=True).first() or Route(driver="push")
    phones = Device.objects.filter(gone_at=None).count()
    try:
        contact = push.subject_of(settings_of(route))
    except vault.Unreadable as error:
        yield Finding(
            "fail", "notifications", f"The key that signs them cannot be opened ({error}); {phones} phones hang on it.",
            "Set the master key again, or replace the key at Settings, Providers, Web push.",
        )  # fmt: skip
        return
    if not contact:
        yield Finding(
            "warn", "notifications", "No phone can be notified: push services want a public contact of ours.",
            "Set NIGHTDESK_PUBLIC_URL to an https address, or a contact at the provider Web push.",
        )  # fmt: skip
    else:
        yield Finding("ok", "notifications", f"{phones} phones are notified; push services may write to {contact}.")


def _of_routes(about: str, channel: str, at: datetime) -> Iterator[Finding]:
    routes = [route for route in Route.objects.filter(channel=channel, enabled=True) if route.driver != "outbox"]
    if not routes:
        do = "Add a provider under Settings, Routes."
        yield Finding("warn", about, f"Nothing leaves the house by {channel}: it goes to the built-in outbox.", do)
    for route in routes:
        name = f"{about}, {route.name}"
        if route.resting_until and route.resting_until > at:
            said = f"It failed {route.failures} times and rests until {route.resting_until:%H:%M:%S} UTC."
            yield Finding("warn", name, said, "Look at its last attempts under What happens next.")
        elif not _opens(route):
            said = "Its secrets were sealed with another master key, so that nothing goes out by it."
            yield Finding("fail", name, said, "Set that key again, or enter them anew under Settings, Providers.")
        elif problem := _unreachable(route):
            yield Finding("fail", name, problem, "Put the route's server right, or open the way to it.")
        else:
            yield Finding("ok", name, f"{route.driver} is set up.")


def _opens(route: Route) -> bool:
    """Whether its secrets can be read with a key that is here."""
    try:
        settings_of(route)
    except vault.Unreadable:
        return False
    return True


def _unreachable(route: Route) -> str:
    """Why its server does not take a connection; "" where it does, or where the route names no server of its own."""
    at = urlsplit(str(route.config.get("base_url") or ""))
    host = route.config.get("host") or at.hostname
    if not host:
        return ""
    try:
        port = route.config.get("port") or at.port or _USUAL_PORTS.get(route.config.get("security") or at.scheme, 587)
        socket.create_connection((str(host), int(port)), _CONNECT_S).close()
    except (OSError, ValueError) as error:
        return f"{host}:{port} cannot be reached: {_one_line(error)}"
    return ""


def of_worker(at: datetime) -> Iterator[Finding]:
    """Whether somebody does what is due."""
    alive = Worker.objects.filter(beat_at__gte=at - leases.DEAD_AFTER).count()
    if alive:
        yield Finding("ok", "worker", f"{alive} at work.")
    else:
        yield Finding(
            "fail", "worker", "None is at work: nobody is paged.", "Run: nightdesk serve, or nightdesk worker"
        )


def of_promises(at: datetime) -> Iterator[Finding]:
    """The pulse: how late the night runs, and what could not be done at all."""
    overdue = max(health.overdue_seconds(model, at) for model in dict.fromkeys(LEASED))
    said = f"The oldest overdue promise or message is {overdue:.1f} s late." if overdue else "Nothing is overdue."
    if overdue > OVERDUE_WARN_S:
        state: Literal["warn", "fail"] = "fail" if overdue > OVERDUE_FAIL_S else "warn"
        yield Finding(
            state, "pulse", said, "See what it is: nightdesk promises --due. Start more workers if they are all busy."
        )
    else:
        yield Finding("ok", "pulse", said)
    dead = Promise.objects.filter(ended_as=Promise.Ending.DEAD).count()
    if dead:
        yield Finding(
            "warn", "dead letters", f"{dead} promises were given up.", "Look at them: nightdesk promises --dead"
        )


def of_heartbeats(at: datetime) -> Iterator[Finding]:
    """Whether what must be heard is heard, and whether it can be."""
    shut_since = queries.door_shut_since(at)
    counted = queries.heartbeat_counts(None)
    if not sum(counted.values()):
        return
    if shut_since is not None:
        yield Finding(
            "fail", "heartbeats", f"No web process has been reachable since {shut_since:%H:%M:%S} UTC.",
            "Run: nightdesk serve, or nightdesk web. Until then nothing that stops can be noticed.",
        )  # fmt: skip
    elif counted["late"]:
        said = f"{counted['late']} of {sum(counted.values())} have stopped or failed."
        yield Finding("warn", "heartbeats", said, "Look at Settings, Heartbeats: each says since when.")
    else:
        said = f"{counted['well']} heard, {counted['new']} not yet, {counted['paused']} paused."
        yield Finding("ok", "heartbeats", said)


def of_portal(at: datetime) -> Iterator[Finding]:
    """Whether the database keeps customers apart by itself; until it does, their pages stay shut."""
    del at
    if problem := policies.why_bare():
        sql = " ".join(policies.by_hand().split())
        yield Finding(
            "fail", "customers' pages", f"They are shut. {problem}",
            f"Run: nightdesk migrate. Where it may not make the role, have an administrator run first: {sql}",
        )  # fmt: skip
    else:
        yield Finding("ok", "customers' pages", f"{len(policies.VISIBLE)} tables show each customer its own rows only.")


def of_second_factors(at: datetime) -> Iterator[Finding]:
    """Whose role needs a second proof, and who has none."""
    del at
    roles = ", ".join(sorted(settings.SECOND_FACTOR_ROLES))
    if not roles:
        yield Finding("ok", "second proof", "No role needs one; NIGHTDESK_SECOND_FACTOR_ROLES says which do.")
        return
    gone = Person.objects.filter(active=False).exclude(user=None).values("user")
    names = ", ".join(f"{user.name} ({user.email})" for user in without_second_factor().exclude(pk__in=gone))
    if names:
        yield Finding(
            "warn", "second proof", f"A role of theirs needs one ({roles}), and they have none: {names}.",
            "They are asked for it when they sign in next, and reach nothing before.",
        )  # fmt: skip
    else:
        yield Finding("ok", "second proof", f"Whoever needs one has it: {roles}.")


def of_backups(at: datetime) -> Iterator[Finding]:
    """Whether a backup was proved lately, and whether its key lies anywhere else than beside it."""
    how = keeping_queries.standing(at)
    too_old = 2 * places.EVERY + BACKUP_GRACE
    if how.failure:
        yield Finding(
            "fail", "backup", f"The last one failed: {how.failure}", "Mend that, and run: nightdesk backup --verify"
        )
    elif how.verified_for is None:
        yield Finding("warn", "backup", "None was made and proved yet.", "Run: nightdesk backup --verify")
    elif places.EVERY and how.verified_for > too_old:
        hours = how.verified_for.total_seconds() / 3600
        yield Finding(
            "fail", "backup", f"The newest that was proved is {hours:.0f} hours old.",
            "Run: nightdesk backup --verify, and see that a worker runs.",
        )  # fmt: skip
    else:
        hours = how.verified_for.total_seconds() / 3600
        yield Finding("ok", "backup", f"The newest that was proved is {hours:.1f} hours old.")
    if not places.is_key_given():
        yield Finding(
            "warn", "backup key", f"It lies only in {places.key_file()}, on the machine that it is to save.",
            "Keep a copy elsewhere, or set NIGHTDESK_BACKUP_KEY_FILE. Without it no backup opens.",
        )  # fmt: skip


def of_writes(at: datetime) -> Iterator[Finding]:
    """Whether the database can go back to any moment, where it is to."""
    if not wal.KEPT_DAYS:
        return
    if restoring.admin_url_of(settings.STATE_DIR, database_url()) is None:
        yield Finding(
            "warn", "any moment", "NIGHTDESK_BACKUP_WAL_DAYS is for our own PostgreSQL; this one is somebody else's.",
            "Have whoever runs it archive its write-ahead log.",
        )  # fmt: skip
        return
    how = keeping_queries.writes(at)
    if not how.is_on:
        yield Finding(
            "fail", "any moment", "PostgreSQL was started before NIGHTDESK_BACKUP_WAL_DAYS was set.",
            "Stop Nightdesk and start it again.",
        )  # fmt: skip
    elif how.failing or how.behind > WRITES_BEHIND:
        said = f"The oldest write that is not sealed has waited for {how.behind.total_seconds():.0f} s."
        yield Finding(
            "fail", "any moment", "PostgreSQL cannot hand out what it writes." if how.failing else said,
            "See that the disk has room, that a worker runs, and what postgres.log says. Until then the log fills the disk.",
        )  # fmt: skip
    elif how.since is None:
        yield Finding("warn", "any moment", "None can be gone back to yet.", "Run: nightdesk backup --verify")
    else:
        yield Finding("ok", "any moment", f"Since {how.since:%Y-%m-%d %H:%M} UTC each can be gone back to.")


def of_second_site(at: datetime) -> Iterator[Finding]:
    """Whether the other site could speak for this one, and hangs on no network of ours."""
    for found in finding.look(at):
        yield Finding(found.state, "second site", found.said, found.do)


WITH_DATABASE: tuple[Callable[[datetime], Iterator[Finding]], ...] = (
    of_worker,
    of_promises,
    of_texts,
    of_mail,
    of_notifications,
    of_mail_in,
    of_heartbeats,
    of_portal,
    of_second_factors,
    of_backups,
    of_writes,
    of_second_site,
)


def _is_loopback(url: str) -> bool:
    host = url.partition("://")[2]
    return host.startswith(("127.", "localhost", "[::1]"))


def _existing(folder: Any) -> Any:
    """The folder, or the nearest one above it that is there."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
