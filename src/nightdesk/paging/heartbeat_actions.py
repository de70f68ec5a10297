"""The verbs of heartbeats: the only writers of heartbeats, their beats, and whether our own door is open.

A heartbeat's row is locked before the gates of alarms. A beat writes its row, one row of its log, and moves the promise
that looks after it: nothing grows by a beat, however often it comes.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Actor, Door
from nightdesk.base.promises import move_promise, promise, void_promises
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.customers.priority import Priority
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import beats, queries, wording
from nightdesk.paging.actions import take_signals
from nightdesk.paging.formats import Action, Severity, Signal
from nightdesk.paging.models import Absence, Alarm, Heartbeat, Integration, OpenDoor, Policy
from nightdesk.people.models import Team

HEARTBEAT_MADE = kind("heartbeat.made", gettext_lazy("{by} made the heartbeat {name}"))
HEARTBEAT_EDITED = kind("heartbeat.edited", gettext_lazy("{by} changed the heartbeat {name}"))
HEARTBEAT_KEYED = kind("heartbeat.keyed", gettext_lazy("{by} gave the heartbeat {name} another key"))
HEARTBEAT_PAUSED = kind("heartbeat.paused", gettext_lazy("{by} paused the heartbeat {name}"))
HEARTBEAT_RESUMED = kind("heartbeat.resumed", gettext_lazy("{by} set the heartbeat {name} going again"))
HEARTBEAT_REMOVED = kind("heartbeat.removed", gettext_lazy("{by} removed the heartbeat {name}"))
HEARTBEAT_LATE = kind("heartbeat.late", gettext_lazy("{name} was not heard: {why}"))
HEARTBEAT_BACK = kind("heartbeat.back", gettext_lazy("{name} was heard again"))
DOOR_OPENED = kind("door.opened", gettext_lazy("Our door was shut from {since} on; heartbeats are given that time"))

LATE = "beat.late"
SLOTS = 25
"""How many beats a heartbeat keeps."""
BODY_KEPT = 2000
AGENT_KEPT = 200
DOOR_LOOK_AGAIN = timedelta(seconds=30)
DOOR_PAGES_AFTER = timedelta(minutes=5)
"""A door that is shut for so long, while the worker is at work, is itself a reason to wake somebody."""
DOOR_KEY = "nightdesk-door"
SEVERITIES: dict[int, Severity] = {1: "critical", 2: "error", 3: "warning", 4: "info"}
"""A heartbeat's priority as the word that stands for it in an alarm."""
LOG = """
INSERT INTO paging_beat (heartbeat_id, slot, at, what, via, sender, body, took) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (heartbeat_id, slot) DO UPDATE SET at = EXCLUDED.at, what = EXCLUDED.what, via = EXCLUDED.via,
    sender = EXCLUDED.sender, body = EXCLUDED.body, took = EXCLUDED.took
"""
KEPT_FIELDS = ["state", "failed", "heard_at", "expected_at", "late_at", "unheard_at"]


@transaction.atomic
def make_heartbeat(
    *,
    brand_id: int,
    name: str,
    expectation: beats.Expectation,
    priority: str = "P2",
    integration_id: int | None = None,
    policy_id: int | None = None,
    team_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> tuple[Heartbeat, str]:
    """A new heartbeat, and its key, which is told this once. Nothing is expected of it before its first beat.

    It pages as an alarm of `integration_id`; without one, as "Heartbeats" of the policy (without one the brand's first)
    and team. Raises Forbidden, NotFound, Invalid (a name that is taken, or none; P5).
    """
    require(by, "make_heartbeat", brand_id)
    name = _fitting_name(brand_id, name)
    integration = _source(brand_id, name, integration_id, policy_id, team_id, at)
    key = secrets.token_hex(16)
    made = Heartbeat(
        brand_id=brand_id,
        integration=integration,
        name=name,
        hint=key[:6],
        digest=queries.digest_of(key),
        every=expectation.every,
        cron=expectation.cron,
        zone=expectation.zone,
        grace=expectation.grace,
        priority=_level(priority),
        heard_at=at,
        created_at=at,
    )
    made.save(force_insert=True)
    _record(made, HEARTBEAT_MADE, by, via, at)
    return made, key


@transaction.atomic
def edit_heartbeat(
    *,
    heartbeat_id: int,
    name: str,
    expectation: beats.Expectation,
    priority: str,
    by: Actor,
    via: Door,
    at: datetime,
) -> Heartbeat:
    """It is expected so from its last beat on. Raises Forbidden, NotFound, Invalid."""
    row = _locked(heartbeat_id, "edit_heartbeat", by)
    row.name = _fitting_name(row.brand_id, name, but=row.pk)
    row.every, row.cron, row.zone = expectation.every, expectation.cron, expectation.zone
    row.grace, row.priority = expectation.grace, _level(priority)
    row.save(update_fields=["name", "every", "cron", "zone", "grace", "priority"])
    if row.state == Heartbeat.State.WELL:
        _expect(row, queries.absences(row.heard_at, at), at)
        row.save(update_fields=KEPT_FIELDS)
    _record(row, HEARTBEAT_EDITED, by, via, at)
    return row


@transaction.atomic
def rotate_heartbeat(*, heartbeat_id: int, by: Actor, via: Door, at: datetime) -> tuple[Heartbeat, str]:
    """It has another key from now on, which is told this once; the old one opens nothing. Raises Forbidden, NotFound."""
    row = _locked(heartbeat_id, "rotate_heartbeat", by)
    key = secrets.token_hex(16)
    row.hint, row.digest = key[:6], queries.digest_of(key)
    row.save(update_fields=["hint", "digest"])
    _record(row, HEARTBEAT_KEYED, by, via, at)
    return row, key


@transaction.atomic
def pause_heartbeat(*, heartbeat_id: int, by: Actor, via: Door, at: datetime) -> Heartbeat:
    """Nothing is expected of it until it is resumed; its alarm is over. Repeating it changes nothing.

    Raises Forbidden, NotFound.
    """
    row = _locked(heartbeat_id, "pause_heartbeat", by)
    if row.state != Heartbeat.State.PAUSED:
        _over([row], by, via, at)
        _move(row, Heartbeat.State.PAUSED)
        row.paused_at = at
        row.save(update_fields=[*KEPT_FIELDS, "paused_at"])
        void_promises(("heartbeat", row.pk), at=at)
        _record(row, HEARTBEAT_PAUSED, by, via, at)
    return row


@transaction.atomic
def resume_heartbeat(*, heartbeat_id: int, by: Actor, via: Door, at: datetime) -> Heartbeat:
    """It is expected from now on, as if it had just been heard. Repeating it changes nothing.

    Raises Forbidden, NotFound.
    """
    row = _locked(heartbeat_id, "resume_heartbeat", by)
    if row.state == Heartbeat.State.PAUSED:
        _move(row, Heartbeat.State.WELL)
        row.paused_at, row.heard_at, row.started_at = None, at, None
        _expect(row, (), at)
        row.save(update_fields=[*KEPT_FIELDS, "paused_at", "started_at"])
        _record(row, HEARTBEAT_RESUMED, by, via, at)
    return row


@transaction.atomic
def remove_heartbeat(*, heartbeat_id: int, by: Actor, via: Door, at: datetime) -> Heartbeat:
    """Its key opens nothing any more, its alarm is over, and nothing is expected of it. Raises Forbidden, NotFound."""
    row = _locked(heartbeat_id, "remove_heartbeat", by)
    _over([row], by, via, at)
    row.removed_at = at
    row.save(update_fields=["removed_at"])
    void_promises(("heartbeat", row.pk), at=at)
    _record(row, HEARTBEAT_REMOVED, by, via, at)
    return row


@transaction.atomic
def note_beat(
    *,
    key: str = "",
    heartbeat_id: int | None = None,
    what: str = "ok",
    body: str = "",
    sender: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Heartbeat:
    """The heartbeat was heard, by whatever way, and its alarm is over; or it began ("start"), or failed ("fail").

    Whoever has its `key` may. Without one it is named by `heartbeat_id`, and `by` needs the right. A paused one notes the
    beat and stays paused. Raises NotFound (also for a wrong key), Forbidden, Invalid (another `what`).
    """
    if what not in ("ok", "start", "fail"):
        raise Invalid("A beat was to be noted.", f"{what[:20]!r} is none.", "There are ok, start and fail.")
    row = _locked(queries.heartbeat_by_key(key) if key else heartbeat_id, "" if key else "note_beat", by)
    took = at - row.started_at if row.started_at is not None and what != "start" else None
    slot, row.beats = row.beats % SLOTS, row.beats + 1
    with connection.cursor() as cursor:
        told = sender.replace("\0", "")[:AGENT_KEPT], body.replace("\0", "")[:BODY_KEPT]
        cursor.execute(LOG, (row.pk, slot, at, what, str(via), *told, took))  # type: ignore[arg-type]  # an interval
    row.started_at = at if what == "start" else None
    if what != "start":
        row.last_beat_at = row.heard_at = at
    if row.state != Heartbeat.State.PAUSED:
        if what == "fail":
            _late([row], by, via, at, failed=True)
        elif what == "ok":
            _over([row], by, via, at)
            _move(row, Heartbeat.State.WELL)
            row.failed, row.unheard_at = False, None
            _expect(row, (), at)
        elif row.state == Heartbeat.State.WELL:
            _expect(row, queries.absences(row.heard_at, at), at)
    row.save(update_fields=[*KEPT_FIELDS, "beats", "started_at", "last_beat_at"])
    return row


@transaction.atomic
def page_late_heartbeats(*, heartbeat_ids: Sequence[int], by: Actor, via: Door, at: datetime) -> int:
    """Those of them that are late now page; the others are looked after again later. Returns how many are late.

    What fell into an absence of ours is not held against them. While our door is shut nobody is late; shut for long, it
    is itself an alarm.
    """
    rows = list(Heartbeat.objects.select_for_update().filter(id__in=heartbeat_ids).order_by("id"))
    waiting = [row for row in rows if row.state == Heartbeat.State.WELL and row.removed_at is None]
    if not waiting:
        return 0
    shut_since = queries.door_shut_since(at)
    if shut_since is not None:
        if at - _missed_since(at) >= DOOR_PAGES_AFTER:
            _tell_of_door({row.integration_id for row in waiting}, "trigger", shut_since, by, via, at)
        for row in waiting:
            _promise_look(row, at + DOOR_LOOK_AGAIN, at)
        return 0
    away = queries.absences(min(row.heard_at for row in waiting), at)
    late = []
    for row in waiting:
        due = _expect(row, away, at, promises=False)
        if due.late_at <= at:
            late.append(row)
        else:
            _promise_look(row, due.late_at, at)
            row.save(update_fields=KEPT_FIELDS)
    _late(late, by, via, at, failed=False)
    for row in late:
        row.save(update_fields=KEPT_FIELDS)
    return len(late)


@transaction.atomic
def sign_door(*, by: Actor, via: Door, at: datetime) -> bool:
    """A web process can be reached at `at`. True: nobody could be for a while before, which is noted as an absence."""
    row, fresh = OpenDoor.objects.select_for_update().get_or_create(id=1, defaults={"seen_at": at})
    since = row.seen_at
    if fresh or at <= since:
        return False
    row.seen_at, row.missed_at = at, None
    row.save(update_fields=["seen_at", "missed_at"])
    if at - since <= queries.DOOR_SHUT_AFTER:
        return False
    _note_absence(since, at)
    facts = {"since": since.isoformat(timespec="seconds"), "until": at.isoformat(timespec="seconds")}
    record(DOOR_OPENED, subject=("door", 1), by=by, via=via, at=at, facts=facts)
    told = Alarm.objects.filter(dedup_key=DOOR_KEY, resolved_at=None).values_list("integration_id", flat=True)
    _tell_of_door(set(told), "resolve", since, by, via, at)
    return True


def _missed_since(at: datetime) -> datetime:
    """Since when the worker, which may have been away as well, has found the door shut."""
    OpenDoor.objects.filter(missed_at=None).update(missed_at=at)
    return OpenDoor.objects.values_list("missed_at", flat=True).first() or at


def _note_absence(since: datetime, until: datetime) -> None:
    Absence.objects.filter(ended_at__lt=until - queries.ABSENCES_KEPT).delete()
    Absence.objects.create(began_at=since, ended_at=until)


def _locked(heartbeat_id: int | None, verb: str, by: Actor) -> Heartbeat:
    """The heartbeat under its row's lock; `verb` "": whoever asks has its key."""
    there = Heartbeat.objects.select_for_update().filter(removed_at=None)
    found = there.filter(id=heartbeat_id).first() if heartbeat_id is not None else None
    if found is None:
        raise NotFound("A heartbeat was asked for.", "There is no such heartbeat.", "Look at the list of them.")
    if verb:
        require(by, verb, found.brand_id)
    return found


def _move(row: Heartbeat, state: Heartbeat.State) -> None:
    """The only writer of a heartbeat's state; the caller holds the row's lock, and saves `KEPT_FIELDS`."""
    row.state = state
    if state != Heartbeat.State.WELL:
        row.expected_at = row.late_at = None


def _expect(row: Heartbeat, away: Iterable[beats.Away], at: datetime, *, promises: bool = True) -> beats.Due:
    """Work out when it is late, and have somebody look then."""
    due = beats.when_late(queries.expectation_of(row), row.heard_at, away, started_at=row.started_at)
    row.expected_at, row.late_at = due.expected_at, due.late_at
    if due.excused:
        row.unheard_at = row.unheard_at or at
    if promises:
        _promise_look(row, due.late_at, at)
    return due


def _promise_look(row: Heartbeat, due_at: datetime, at: datetime) -> None:
    subject = ("heartbeat", row.pk)
    if move_promise(LATE, subject=subject, due_at=due_at):
        return
    void_promises(subject, at=at, kinds=(LATE,))
    why = _("%(name)s pages if it is not heard by then") % {"name": row.name}
    promise(LATE, subject=subject, due_at=due_at, why=why, at=at, brand_id=row.brand_id)


def _late(rows: Sequence[Heartbeat], by: Actor, via: Door, at: datetime, *, failed: bool) -> None:
    """They are late, or have `failed`; alarms of one integration go in together, so that many are one storm."""
    signals: dict[int, list[Signal]] = defaultdict(list)
    for row in rows:
        why = "it failed" if failed else f"no beat since {_reading(row, row.heard_at)}, expected {_wanted(row)}"
        words = f"{row.name} says that it failed" if failed else f"{row.name} has stopped: {why}"
        signals[row.integration_id].append(_signal(row, "trigger", words))
        if row.state != Heartbeat.State.LATE:
            record(
                HEARTBEAT_LATE,
                subject=("heartbeat", row.pk),
                by=by,
                via=via,
                at=at,
                brand_id=row.brand_id,
                facts={"name": row.name, "why": why},
            )
        _move(row, Heartbeat.State.LATE)
        row.failed = failed
        void_promises(("heartbeat", row.pk), at=at)
    _send(signals, by, via, at)


def _over(rows: Sequence[Heartbeat], by: Actor, via: Door, at: datetime) -> None:
    """Those that were late are so no more."""
    signals: dict[int, list[Signal]] = defaultdict(list)
    for row in rows:
        if row.state == Heartbeat.State.LATE:
            signals[row.integration_id].append(_signal(row, "resolve"))
            _record(row, HEARTBEAT_BACK, by, via, at)
    _send(signals, by, via, at)


def _signal(row: Heartbeat, action: Action, summary: str = "") -> Signal:
    return Signal(
        action,
        f"heartbeat-{row.pk}",
        summary=summary,
        severity=SEVERITIES[row.priority],
        source=row.name,
        class_="heartbeats",
        started_at=row.heard_at,
    )


def _tell_of_door(
    integration_ids: Iterable[int], action: Action, since: datetime, by: Actor, via: Door, at: datetime
) -> None:
    words = f"Nightdesk's own door is shut since {since:%H:%M} UTC: no heartbeat and no alarm can come in by it"
    signal = Signal(action, DOOR_KEY, summary=words, severity="critical", source="Nightdesk", class_="door")
    _send({integration_id: [signal] for integration_id in integration_ids}, by, via, at)


def _send(signals: dict[int, list[Signal]], by: Actor, via: Door, at: datetime) -> None:
    if not signals:
        return
    found = Integration.objects.select_related("policy", "service", "hours", "team").in_bulk(sorted(signals))
    for integration_id, group in sorted(signals.items()):
        take_signals(integration=found[integration_id], format="heartbeat", signals=group, by=by, via=via, at=at)


def _reading(row: Heartbeat, at: datetime) -> str:
    return f"{at.astimezone(beats.zone_named(row.zone)):%a %d %b %H:%M %Z}"


def _wanted(row: Heartbeat) -> str:
    if row.every is not None:
        return wording.every(row.every.total_seconds())
    return _reading(row, row.expected_at) if row.expected_at is not None else f"by {row.cron}"


def _source(
    brand_id: int, name: str, integration_id: int | None, policy_id: int | None, team_id: int | None, at: datetime
) -> Integration:
    """Whose alarms a new heartbeat's are."""
    asked = f"The heartbeat {name} was to be made."
    own = Integration.objects.filter(brand_id=brand_id, revoked_at=None)
    if integration_id is not None:
        found = own.filter(id=integration_id).first()
        if found is None:
            raise NotFound(asked, "The brand has no such integration.", "Choose one of its own.")
        return found
    policies = Policy.objects.filter(brand_id=brand_id).order_by("id")
    policy = (policies.filter(id=policy_id) if policy_id is not None else policies).first()
    if policy is None:
        raise NotFound(asked, "The brand has no such policy.", "Save a policy first: it says who is rung.")
    if team_id is not None and not Team.objects.filter(id=team_id, brand_id=brand_id).exists():
        raise NotFound(asked, "The brand has no such team.", "Choose one of its own.")
    same = (
        own.filter(format="heartbeat", policy=policy, team__in=[team_id])
        if team_id
        else own.filter(format="heartbeat", policy=policy, team=None)
    )
    return same.order_by("id").first() or Integration.objects.create(
        brand_id=brand_id,
        name=f"Heartbeats, {policy.name}"[:80],
        format="heartbeat",
        hint="",
        digest=queries.digest_of(secrets.token_hex(32)),  # nobody has this key: its alarms come from here
        policy=policy,
        team_id=team_id,
        may_wake=["P1", "P2"],
        created_at=at,
    )


def _fitting_name(brand_id: int, name: str, but: int | None = None) -> str:
    name = " ".join(name.split())[:80]
    asked = f"A heartbeat was to be called {name!r}."
    if not name:
        raise Invalid(asked, "That is no name.", "Give it one, such as Nightly backup.")
    others = Heartbeat.objects.filter(brand_id=brand_id, name=name, removed_at=None)
    if others.exclude(id__in=[but] if but is not None else []).exists():
        raise Invalid(asked, "Another heartbeat has that name.", "Give it another one.")
    return name


def _level(priority: str) -> int:
    if priority not in Priority.__members__ or int(priority[1:]) not in SEVERITIES:
        raise Invalid(f"A heartbeat was to be {priority[:10]}.", "It is one of P1 to P4.", "Give one of these.")
    return int(priority[1:])


def _record(row: Heartbeat, what: str, by: Actor, via: Door, at: datetime) -> None:
    facts = {"name": row.name, "hint": row.hint}
    record(what, subject=("heartbeat", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts=facts)
