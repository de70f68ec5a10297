"""The verbs of planned work that customers hear of.

What keeps the alarms quiet and pages whoever forgets to say that it is done is the planned work of the room paging; this adds
whom it touches and what they are told. Each verb tells by a promise, a hundred customers at a time, so that a process that
dies tells nobody twice and forgets nobody.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.files import keep_file
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.channels.actions import Recipient, queue_message, supersede_deliveries
from nightdesk.channels.links import make_subject_key
from nightdesk.channels.mail_form import FileInMail, MailForm
from nightdesk.customers.models import Customer
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.mailroom.queries import address_for
from nightdesk.outages import queries as outage_queries
from nightdesk.outages import work_queries as queries
from nightdesk.outages.audience import EMAIL
from nightdesk.outages.effect import Effect
from nightdesk.outages.maintnote import NotWritable, Status, write_maintnote
from nightdesk.outages.models import Carrier, Objection, Part, Work, WorkNotice, WorkPart, WorkRules, WorkTouched
from nightdesk.outages.work_flow import OVER, STATUS, State, Step, leads_to, reminders
from nightdesk.outages.work_queries import Theirs, Told
from nightdesk.outages.work_wording import Kind, body_of, title_of, window
from nightdesk.paging import silence_actions as quiet
from nightdesk.paging.models import PlannedWork, Policy
from nightdesk.paging.silencing import Matcher, check_work, is_narrow
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Person

SUBJECT = queries.WORK
PLANNING = "work-planning"
"""Subject of messages to whoever plans it, which a later notice to customers does not replace."""
ANSWERS = "work"
"""Word of our addresses: what customers write to `work+KEY@` is about a notice."""

WORK_DRAFTED = kind("planned-work.drafted", gettext_lazy("{by} put down planned work {name}: {title}"))
WORK_EDITED = kind("planned-work.edited", gettext_lazy("{by} changed planned work {name}"))
WORK_HINTED = kind(
    "planned-work.hinted", gettext_lazy("{by} told {customers} customers of planned work {name}, not yet certain")
)
WORK_ANNOUNCED = kind(
    "planned-work.announced", gettext_lazy("{by} announced planned work {name} to {customers} customers")
)
WORK_REMINDED = kind("planned-work.reminded", gettext_lazy("{customers} customers are reminded of planned work {name}"))
WORK_OPENED = kind("planned-work.opened", gettext_lazy("Planned work {name} has begun"))
WORK_PROLONGED = kind("planned-work.prolonged", gettext_lazy("{by} told that planned work {name} lasts until {until}"))
WORK_CLOSED = kind("planned-work.closed", gettext_lazy("Planned work {name} is done"))
WORK_CALLED_OFF = kind("planned-work.called-off", gettext_lazy("{by} called planned work {name} off"))
WORK_DISMISSED = kind("planned-work.dismissed", gettext_lazy("{by} dismissed planned work {name}: {why}"))
WORK_OBJECTED = kind("planned-work.objected", gettext_lazy("{customer} says that planned work {name} clashes"))
OBJECTION_SETTLED = kind(
    "planned-work.settled", gettext_lazy("{by} settled what {customer} said of planned work {name}")
)

TELL, REMIND, UNDECIDED = "planned-work.tell", "planned-work.remind", "planned-work.undecided"
FOLLOW = "planned-work.follow"
"""Follows from what is done to the planned work of paging; see `follow_ups`."""
TOLD_AT_ONCE = 100
"""Customers in one transaction."""
UNDECIDED_BEFORE = timedelta(hours=24)
FIRST_NUMBER = 1
MAINTNOTE_FILE = "maintnote.ics"


class WorkClashes(Refusal):
    """The window does not suit some of those touched. Whoever plans it may announce it all the same, and says why."""

    code: ClassVar[str] = "work-clashes"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "This clashes"


@dataclass(frozen=True, slots=True)
class FromCarrier:
    """Whose work it is, and how the carrier tells it from others."""

    carrier: Carrier | None
    key: str
    uid: str
    ref: str
    status: str
    sequence: int | None
    stamped_at: datetime | None
    problems: tuple[str, ...] = ()


@transaction.atomic
def draft_work(
    *,
    brand_id: int,
    title: str,
    from_at: datetime,
    until_at: datetime,
    parts: Mapping[int, Effect],
    texts: Mapping[str, str] | None = None,
    person_id: int | None = None,
    policy_id: int | None = None,
    attended: bool = True,
    public_title: str = "",
    carrier: FromCarrier | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Work:
    """The work is proposed: whom it touches is known, and nobody outside has heard. Decided by a person, who is asked again a
    day before it begins.

    `texts` {language: what customers read of it}. A `public_title` puts it on the public page once it is announced. Raises
    Forbidden, NotFound, BadSilence (its window), Invalid.
    """
    require(by, "draft_work", brand_id)
    check_work(from_at, until_at, at)
    asked = _("Planned work was to be put down.")
    title = " ".join(title.split())[:200]
    if not title:
        raise Invalid(asked, _("It has no title."), _("Say in one line what is done."), field="title")
    _check_person(asked, brand_id, person_id, policy_id)
    work = Work(
        id=uuid7(at),
        brand_id=brand_id,
        number=_next_number(brand_id),
        title=title,
        texts=_clean_texts(texts or {}),
        state=Work.State.PROPOSED,
        from_at=from_at,
        until_at=until_at,
        person_id=person_id,
        policy_id=policy_id,
        attended=attended,
        public=bool(public_title.strip()),
        public_title=" ".join(public_title.split())[:200],
        made_by=by.name[:120],
        made_at=at,
        changed_at=at,
    )
    if carrier is not None:
        work.carrier, work.carrier_key, work.carrier_uid = carrier.carrier, carrier.key[:130], carrier.uid[:300]
        work.carrier_ref, work.carrier_status = carrier.ref[:200], carrier.status
        work.carrier_sequence, work.carrier_stamped_at = carrier.sequence, carrier.stamped_at
        work.carrier_from_at, work.carrier_until_at, work.problems = from_at, until_at, list(carrier.problems)
    work.save(force_insert=True)
    _set_parts(work, parts, asked)
    _promise_undecided(work, at)
    _record(work, WORK_DRAFTED, {"title": work.title}, by, via, at)
    return work


@transaction.atomic
def edit_work(
    *,
    work_id: UUID,
    title: str | None = None,
    from_at: datetime | None = None,
    until_at: datetime | None = None,
    parts: Mapping[int, Effect] | None = None,
    texts: Mapping[str, str] | None = None,
    person_id: int | None = None,
    policy_id: int | None = None,
    attended: bool | None = None,
    public_title: str | None = None,
    note: str = "",
    despite: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> Work:
    """The work is so from now on; what is None stays. Where customers have heard of it and its window, parts or texts change,
    they are told, and those whom it touches no longer are told so.

    Raises as `draft_work` does, IllegalTransition (it has begun or is over) and WorkClashes.
    """
    work = _locked(work_id, "edit_work", by)
    asked = _("{name} was to be changed.").format(name=work.name)
    _check_step(work, Step.EDIT, asked)
    _check_person(asked, work.brand_id, person_id, policy_id)
    before = (work.from_at, work.until_at, queries.parts_of(work.pk), work.texts)
    work.title = " ".join(title.split())[:200] or work.title if title is not None else work.title
    work.from_at, work.until_at = from_at or work.from_at, until_at or work.until_at
    if (work.from_at, work.until_at) != before[:2]:
        check_work(work.from_at, work.until_at, at)
    work.texts = _clean_texts(texts) if texts is not None else work.texts
    work.person_id, work.policy_id = person_id or work.person_id, policy_id or work.policy_id
    work.attended = work.attended if attended is None else attended
    if public_title is not None:
        work.public_title, work.public = " ".join(public_title.split())[:200], bool(public_title.strip())
    work.changed_at = at
    work.save(
        update_fields=[
            "title", "from_at", "until_at", "texts", "person", "policy", "attended", "public_title", "public", "changed_at",
        ]
    )  # fmt: skip
    if parts is not None:
        _set_parts(work, parts, asked)
    changed = before != (work.from_at, work.until_at, queries.parts_of(work.pk), work.texts)
    if changed and work.state != Work.State.PROPOSED:
        _refuse_clashes(work, asked, despite, at)
    if work.state == Work.State.ANNOUNCED:
        _plan_quiet(work, by, via, at)
        _promise_reminders(work, at)
    elif work.state == Work.State.PROPOSED:
        _promise_undecided(work, at)
    facts = {"from": queries.utc(work.from_at), "until": queries.utc(work.until_at), "despite": despite.strip()}
    entry = _record(work, WORK_EDITED, facts, by, via, at)
    if changed and work.state != Work.State.PROPOSED:
        _tell(work, Kind.CHANGE, note, entry, at)
    return work


@transaction.atomic
def announce_work(
    *, work_id: UUID, tentative: bool = False, note: str = "", despite: str = "", by: Actor, via: Door, at: datetime
) -> Work:
    """Those touched are told of it, its parts' alarms are quiet meanwhile, and whoever does it is paged if it is not done in
    time. `tentative`: they are told that it is not certain, and nothing else yet. Repeating it changes nothing.

    `despite`: why it is announced although it clashes with a contract's notice or a freeze. Raises Forbidden, NotFound,
    IllegalTransition, WorkClashes, Invalid (its window is past).
    """
    work = _locked(work_id, "announce_work", by)
    asked = _("{name} was to be announced.").format(name=work.name)
    step = Step.HINT if tentative else Step.ANNOUNCE
    target = leads_to(State(work.state), step)
    if work.state == target or (work.state == Work.State.ANNOUNCED and not tentative):
        return work
    _check_step(work, step, asked)
    check_work(work.from_at, work.until_at, at)
    _refuse_clashes(work, asked, despite, at)
    work.announced_at = work.announced_at or at
    work.save(update_fields=["announced_at"])
    _move(work, step, asked, at)
    void_promises((SUBJECT, work.pk), at=at, kinds=(UNDECIDED,))
    if not tentative:
        _plan_quiet(work, by, via, at)
        _promise_reminders(work, at)
    facts = {"customers": len(_customers(work)), "despite": despite.strip()}
    entry = _record(work, WORK_HINTED if tentative else WORK_ANNOUNCED, facts, by, via, at)
    _tell(work, Kind.HINT if tentative else Kind.ANNOUNCE, note, entry, at)
    return work


@transaction.atomic
def open_work(*, work_id: UUID, note: str = "", by: Actor, via: Door, at: datetime) -> Work:
    """It has begun, before its time too, and those touched are told. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition.
    """
    work = _locked(work_id, "open_work", by)
    if work.state == Work.State.IN_PROGRESS:
        return work
    _move(work, Step.OPEN, _("{name} was to begin.").format(name=work.name), at)
    work.begun_at = at
    work.save(update_fields=["begun_at"])
    void_promises((SUBJECT, work.pk), at=at, kinds=(REMIND,))
    if work.planned is not None and work.planned.state == PlannedWork.State.PLANNED:
        quiet.start_work(work_id=work.planned.pk, by=by, via=via, at=at)
    entry = _record(work, WORK_OPENED, {}, by, via, at)
    _tell(work, Kind.START, note, entry, at)
    return work


@transaction.atomic
def prolong_work(*, work_id: UUID, until_at: datetime, note: str = "", by: Actor, via: Door, at: datetime) -> Work:
    """It lasts until `until_at`, later than was said, and those touched are told. Raises Forbidden, NotFound,
    IllegalTransition (it has not begun, or is over), BadSilence, Invalid.
    """
    work = _locked(work_id, "prolong_work", by)
    asked = _("{name} was to last longer.").format(name=work.name)
    if work.state == Work.State.IN_PROGRESS and work.until_at == until_at:
        return work
    _check_step(work, Step.EXTEND, asked)
    check_work(work.from_at, until_at, at)
    if until_at <= work.until_at:
        raise Invalid(
            asked, _("It lasts longer already."), _("Give a later end, or say that it is done."), field="until_at"
        )
    work.until_at, work.changed_at = until_at, at
    work.save(update_fields=["until_at", "changed_at"])
    if work.planned is not None and work.planned.ended_at is None and work.planned.until_at < until_at:
        quiet.extend_work(work_id=work.planned.pk, until_at=until_at, by=by, via=via, at=at)
    entry = _record(work, WORK_PROLONGED, {"until": queries.utc(until_at)}, by, via, at)
    _tell(work, Kind.EXTEND, note, entry, at)
    return work


@transaction.atomic
def close_work(*, work_id: UUID, note: str = "", by: Actor, via: Door, at: datetime) -> Work:
    """It is done: its parts may ring, and everybody who was told of it hears so. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition.
    """
    work = _locked(work_id, "close_work", by)
    if work.state == Work.State.COMPLETED:
        return work
    _move(work, Step.CLOSE, _("{name} was to be done.").format(name=work.name), at)
    void_promises((SUBJECT, work.pk), at=at, kinds=(REMIND,))
    if work.planned is not None and work.planned.ended_at is None:
        quiet.complete_work(work_id=work.planned.pk, by=by, via=via, at=at)
    entry = _record(work, WORK_CLOSED, {}, by, via, at)
    _tell(work, Kind.END, note, entry, at)
    return work


@transaction.atomic
def call_off_work(*, work_id: UUID, note: str = "", by: Actor, via: Door, at: datetime) -> Work:
    """It does not take place, or is broken off, and everybody who was told of it hears so. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition (nobody was told: dismiss it; or it is done).
    """
    work = _locked(work_id, "call_off_work", by)
    if work.state == Work.State.CANCELLED:
        return work
    _move(work, Step.CALL_OFF, _("{name} was to be called off.").format(name=work.name), at)
    void_promises((SUBJECT, work.pk), at=at, kinds=(REMIND,))
    if work.planned is not None and work.planned.ended_at is None:
        quiet.cancel_work(work_id=work.planned.pk, by=by, via=via, at=at)
    entry = _record(work, WORK_CALLED_OFF, {}, by, via, at)
    _tell(work, Kind.CANCEL, note, entry, at)
    return work


@transaction.atomic
def dismiss_work(*, work_id: UUID, why: str, by: Actor, via: Door, at: datetime) -> Work:
    """What was only proposed is no work of ours; nobody outside hears. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition (customers were told: call it off), Invalid (no reason).
    """
    work = _locked(work_id, "dismiss_work", by)
    if work.state == Work.State.DISMISSED:
        return work
    asked = _("{name} was to be dismissed.").format(name=work.name)
    if not why.strip():
        raise Invalid(asked, _("No reason was given."), _("Say why, for whoever looks at it later."), field="why")
    _move(work, Step.DISMISS, asked, at)
    void_promises((SUBJECT, work.pk), at=at)
    _record(work, WORK_DISMISSED, {"why": why.strip()[:300]}, by, via, at)
    return work


@transaction.atomic
def object_to_work(
    *,
    work_id: UUID,
    customer_id: int,
    name: str,
    words: str,
    mail_id: UUID | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Objection:
    """The customer says that it clashes; whoever plans it hears so at once. Repeating it for the same mail changes nothing.

    Raises NotFound where the work does not touch them and they were not told of it.
    """
    work = queries.work_of(work_id)
    asked = _("Somebody objected to planned work.")
    heard = work.notices.filter(customer=customer_id).exists() or work.touched.filter(customer=customer_id).exists()
    customer = Customer.objects.filter(id=customer_id, brand=work.brand_id).first()
    if customer is None or not heard:
        raise NotFound(asked, _("It does not touch them."), _("Look at the list of it."))
    if mail_id is not None and (same := Objection.objects.filter(mail_id=mail_id).first()) is not None:
        return same
    row = Objection(
        work=work, customer=customer, by_name=name[:120], words=words.strip()[:4000], mail_id=mail_id, at=at
    )
    row.save(force_insert=True)
    facts = {"customer": customer.name}
    record(
        WORK_OBJECTED, subject=(SUBJECT, work.pk), by=by, via=via, at=at, brand_id=work.brand_id,
        facts={"name": work.name, **facts}, text=row.words,
    )  # fmt: skip
    title = _("{customer} says that {name} clashes").format(customer=customer.name, name=work.name)
    _tell_planners(work, title, f"{row.by_name}: {row.words}", by, via, at)
    return row


@transaction.atomic
def settle_objection(*, objection_id: int, by: Actor, via: Door, at: datetime) -> Objection:
    """It was seen to. Repeating it changes nothing. Raises Forbidden, NotFound."""
    row = (
        Objection.objects.select_for_update(of=("self",))
        .select_related("work", "customer")
        .filter(id=objection_id)
        .first()
    )
    if row is None:
        raise NotFound(
            _("What a customer said was to be settled."), _("There is no such thing."), _("Look at the work.")
        )
    require(by, "settle_objection", row.work.brand_id)
    if row.settled_at is None:
        row.settled_at, row.settled_by = at, by.name[:120]
        row.save(update_fields=["settled_at", "settled_by"])
        _record(row.work, OBJECTION_SETTLED, {"customer": row.customer.name}, by, via, at)
    return row


# --- What falls due --------------------------------------------------------------------------------------------------


@transaction.atomic
def remind_touched(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Those touched are reminded, if it is still to come. Returns what was done."""
    work = _locked(work_id, None, by)
    if leads_to(State(work.state), Step.REMIND) is None or work.from_at <= at:
        return _("Nothing was to be done: it is {state}.").format(state=work.get_state_display())
    entry = _record(work, WORK_REMINDED, {"customers": len(_customers(work))}, by, via, at)
    _tell(work, Kind.REMIND, "", entry, at)
    return _("They are reminded.")


@transaction.atomic
def press_for_decision(*, work_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Nobody has decided on what is proposed, and it begins soon: whoever plans it is told. Returns what was done."""
    work = _locked(work_id, None, by)
    if work.state != Work.State.PROPOSED or work.until_at <= at:
        return _("Nothing was to be done.")
    title = _("Nobody has decided on {name}, which begins soon").format(name=work.name)
    told = _tell_planners(
        work, title, f"{work.title}\n{window(work.from_at, work.until_at, work.brand.zone)}", by, via, at
    )
    return _("Told {count}.").format(count=told)


@transaction.atomic
def follow_planned(*, planned_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """What was done to the planned work of paging is so for customers as well. Returns what was done."""
    planned = PlannedWork.objects.filter(id=planned_id).first()
    work = Work.objects.filter(planned=planned_id).first() if planned is not None else None
    if planned is None or work is None or work.state in OVER:
        return _("Customers were told nothing of it.")
    doing: dict[str, Any] = {"work_id": work.pk, "by": by, "via": via, "at": at}
    if planned.state == PlannedWork.State.CANCELLED:
        call_off_work(**doing)
    elif planned.state == PlannedWork.State.COMPLETED:
        close_work(**doing)
    elif planned.state == PlannedWork.State.IN_PROGRESS:
        open_work(**doing)
        if planned.until_at > work.until_at:
            prolong_work(until_at=planned.until_at, **doing)
    return _("{name} follows it.").format(name=work.name)


@transaction.atomic
def tell_touched(
    *, work_id: UUID, round_: int, kind_: str, note: str, entry: UUID, by: Actor, via: Door, at: datetime
) -> str:
    """Some more of those who are to hear of it in this round are told, most affected first; the rest is promised. Nobody is
    told twice in a round. Returns what was done.
    """
    work = _locked(work_id, None, by)
    if work.round != round_:
        return _("A later notice says more.")
    wanted = _to_tell(work, Kind(kind_))
    now, later = wanted[:TOLD_AT_ONCE], wanted[TOLD_AT_ONCE:]
    people = _tell_customers(work, now, note, entry, by, via, at)
    if later:
        done = work.notices.filter(round=round_).count()
        _promise_telling(work, kind_, note, entry, at, part=done)
    return _("Told {people} people of {customers} customers.").format(people=people, customers=len(now))


def _tell(work: Work, why: Kind, note: str, entry: UUID, at: datetime) -> None:
    """Everybody concerned will be told; what was said before and has not left is not sent any more."""
    if why not in (Kind.END, Kind.CANCEL):
        _count_touched(work)
    work.round += 1
    work.changed_at = at
    work.save(update_fields=["round", "changed_at"])
    supersede_deliveries(subject=(SUBJECT, work.pk), by=SCHEDULER, via=Door.WORKER, at=at)
    void_promises((SUBJECT, work.pk), at=at, kinds=(TELL,))
    _promise_telling(work, why, note, entry, at)


def _promise_telling(work: Work, why: str, note: str, entry: UUID, at: datetime, part: int = 0) -> None:
    promise(
        TELL,
        subject=(SUBJECT, work.pk),
        due_at=at,
        why=_("those touched by {name} are told").format(name=work.name),
        at=at,
        facts={"round": work.round, "kind": str(why), "note": note.strip()[:2000]},
        occurrence=f"{work.pk}:{work.round}:{part}",
        cause=entry,
        brand_id=work.brand_id,
    )


def _customers(work: Work) -> dict[int, Effect]:
    """Customer -> the worst that it does to them."""
    worst_of: dict[int, Effect] = {}
    rows = WorkTouched.objects.filter(work=work, subscription__ended_at=None)
    for customer, effect in rows.values_list("customer", "effect"):
        worst_of[customer] = max(worst_of.get(customer, Effect.WORKS), Effect(effect))
    return worst_of


@dataclass(frozen=True, slots=True)
class _Telling:
    """What one customer is told next: `number` is that of the notice, `effect` the worst of theirs."""

    customer: int
    kind: Kind
    number: int
    effect: Effect


def _to_tell(work: Work, why: Kind) -> list[_Telling]:
    """Who is still to be told in this round, most affected first.

    Whoever was told once and is no longer touched hears that it is over for them. Of an end hears only who was told before.
    """
    touched = _customers(work)
    last: dict[int, WorkNotice] = {}
    for notice in WorkNotice.objects.filter(work=work).order_by("sequence"):
        last[notice.customer_id] = notice
    found = []
    for customer in {*touched, *last}:
        before = last.get(customer)
        if before is not None and before.round == work.round:
            continue
        number = before.sequence + 1 if before is not None else 0
        if customer in touched:
            if before is None and why in (Kind.END, Kind.CANCEL):
                continue
            found.append(_Telling(customer, why, number, touched[customer]))
        elif before is not None and before.status != Status.CANCELLED:
            found.append(_Telling(customer, Kind.CANCEL, number, Effect.WORKS))
    return sorted(found, key=lambda one: (-one.effect, one.customer))


def _tell_customers(
    work: Work, tellings: Sequence[_Telling], note: str, entry: UUID, by: Actor, via: Door, at: datetime
) -> int:
    """A notice for each, and a mail for each of their contacts; returns to how many people."""
    ids = [one.customer for one in tellings]
    customers = Customer.objects.select_related("brand").in_bulk(ids)
    ending = {one.customer for one in tellings if one.kind in (Kind.END, Kind.CANCEL)}
    told = queries.contacts_told(work, ids, ending=ending, at=at)
    objects = queries.objects_of(work.pk, ids)
    rules = queries.work_rules_of(work.brand_id)
    address = queries.our_address(work.brand_id)
    people = 0
    for one in tellings:
        customer = customers[one.customer]
        theirs = objects.get(one.customer) or _as_told_before(work, one.customer)
        notice = WorkNotice(
            id=uuid7(at),
            work=work,
            customer=customer,
            round=work.round,
            sequence=one.number,
            kind=one.kind,
            status=_status_of(work, one.kind),
            from_at=work.from_at,
            until_at=work.until_at,
            objects_told=[{**asdict(item), "effect": int(item.effect)} for item in theirs],
            at=at,
        )
        contacts = told.get(one.customer, [])
        methods = {contact.maintnote for contact in contacts if contact.maintnote is not None}
        files = {method: _file_of(notice, rules, address, method) for method in sorted(methods)}
        notice.digest = next((digest for digest in files.values() if digest), "")
        notice.people = len(contacts)
        notice.save(force_insert=True)
        groups: dict[tuple[str, str, str | None], list[Told]] = defaultdict(list)
        for contact in contacts:
            groups[contact.language, contact.zone, contact.maintnote].append(contact)
        for (language, zone, method), group in groups.items():
            digest = files[method] if method is not None else ""
            _mail(notice, note, language, zone, digest, address, group, entry, by, via, at)
        people += len(contacts)
    return people


def _mail(
    notice: WorkNotice, note: str, language: str, zone: str, digest: str, address: str,
    group: Sequence[Told], entry: UUID, by: Actor, via: Door, at: datetime,
) -> None:  # fmt: skip
    work, why = notice.work, Kind(notice.kind)
    touched = {(one["service"], Effect(one["effect"])) for one in notice.objects_told}
    phrases = outage_queries.phrases_of(work.brand_id, touched, [language])[language]
    objects = [
        phrases[f"{one['service']}:{one['effect']}"].replace("{{ service }}", one["called"])
        for one in notice.objects_told
    ]
    reply_to = address_for(ANSWERS, make_subject_key(ANSWERS, notice.pk), work.brand_id)
    with translation.override(language):
        title = title_of(why, work.name, work.from_at, work.until_at, zone)
        body = body_of(
            why,
            words=queries.text_in(work.texts, language, work.brand.language),
            note=note,
            from_at=work.from_at,
            until_at=work.until_at,
            zone=zone,
            objects=objects if why not in (Kind.END, Kind.CANCEL) else [one["called"] for one in notice.objects_told],
            brand=work.brand.name,
            may_answer=bool(reply_to),
        )
    files = (FileInMail(digest, MAINTNOTE_FILE, "text/calendar"),) if digest else ()
    form = MailForm(sender=(work.brand.name, address), reply_to=reply_to, files=files)
    queue_message(
        kind=f"work.{why}",
        subject=(SUBJECT, work.pk),
        title=title,
        body=body,
        to=[Recipient("contact", one.contact.pk, EMAIL, one.contact.email, at) for one in group],
        brand_id=work.brand_id,
        cause=entry,
        lane="bulk",
        mail=form,
        by=by,
        via=via,
        at=at,
    )


def _file_of(notice: WorkNotice, rules: WorkRules, address: str, method: str) -> str:
    """The digest of the customer's MAINTNOTE; "" where it may not be written (we have no address, or they have no object)."""
    try:
        return keep_file(write_maintnote(queries.note_of(notice, rules, address), method=method))
    except NotWritable:
        return ""


def _status_of(work: Work, why: Kind) -> str:
    return str(Status.CANCELLED if why is Kind.CANCEL else STATUS[State(work.state)])


def _as_told_before(work: Work, customer: int) -> list[Theirs]:
    last = WorkNotice.objects.filter(work=work, customer=customer).order_by("-sequence").first()
    return [Theirs(**{**one, "effect": Effect(one["effect"])}) for one in last.objects_told] if last else []


# --- What they share -------------------------------------------------------------------------------------------------


def _move(work: Work, step: Step, asked: str, at: datetime) -> None:
    """The only writer of the work's state; the caller holds the row's lock."""
    _check_step(work, step, asked)
    state = leads_to(State(work.state), step)
    assert state is not None
    work.state = state
    work.ended_at = at if state in OVER else None
    work.changed_at = at
    work.change = None if state in OVER else work.change
    work.save(update_fields=["state", "ended_at", "changed_at", "change"])


def _check_step(work: Work, step: Step, asked: str) -> None:
    if leads_to(State(work.state), step) is None:
        so = _("It is {state}.").format(state=work.get_state_display())
        raise IllegalTransition(asked, so, _("Look at what may be done with it now."))


def _locked(work_id: UUID, verb: str | None, by: Actor) -> Work:
    """The work under its row's lock, if `by` may do `verb` to it (None: a promise that is kept asks nobody)."""
    rows = Work.objects.select_for_update(of=("self",)).select_related("brand", "planned", "carrier")
    found = rows.filter(id=work_id).first()
    if found is None:
        raise NotFound(_("Planned work was asked for."), _("There is none with this id."), _("Look at the list of it."))
    if verb is not None:
        require(by, verb, found.brand_id)
    return found


def _refuse_clashes(work: Work, asked: str, despite: str, at: datetime) -> None:
    """Raise WorkClashes unless it suits everybody, or somebody says why it must be."""
    if despite.strip():
        return
    found = queries.clashes_of(work, at)
    if found:
        raise WorkClashes(
            asked,
            _("This clashes: {what}.").format(what="; ".join(queries.told_of_clashes(found, work.brand.zone))),
            _("Choose another time, or say why it must be then."),
            clashes=[{"customer_id": one.customer, "kind": one.kind, "name": one.name} for one in found],
        )


def _set_parts(work: Work, parts: Mapping[int, Effect], asked: str) -> None:
    """These are what it is about, and so is whom it touches. Raises Invalid, NotFound."""
    if not parts:
        raise Invalid(asked, _("It names no part."), _("Say what is worked on."), field="parts")
    known = set(Part.objects.filter(brand=work.brand_id, id__in=parts, retired_at=None).values_list("id", flat=True))
    if missing := set(parts) - known:
        raise NotFound(asked, _("The brand has no part {id}.").format(id=min(missing)), _("Choose parts of its own."))
    WorkPart.objects.filter(work=work).delete()
    WorkPart.objects.bulk_create(
        [WorkPart(work=work, part_id=part, effect=effect) for part, effect in sorted(parts.items())]
    )
    _count_touched(work)


def _count_touched(work: Work) -> int:
    """Whom the work touches is written down anew, by what depends on what now; returns how many subscriptions."""
    touched = queries.touched_by(work.brand_id, queries.parts_of(work.pk))
    owners = dict(queries.owners_of(touched))
    WorkTouched.objects.filter(work=work).delete()
    rows = [
        WorkTouched(work=work, subscription_id=one, customer_id=owners[one], effect=effect)
        for one, effect in sorted(touched.items())
        if one in owners
    ]
    WorkTouched.objects.bulk_create(rows, batch_size=2000)
    return len(rows)


def _plan_quiet(work: Work, by: Actor, via: Door, at: datetime) -> None:
    """Its parts' alarms are quiet in its window; what was planned before is no more."""
    before, work.planned = work.planned, None
    work.save(update_fields=["planned"])
    if before is not None and before.ended_at is None:
        quiet.cancel_work(work_id=before.pk, by=by, via=via, at=at)
    names = [
        name
        for part in Part.objects.filter(id__in=queries.parts_of(work.pk)).order_by("key")
        for name in (part.name, part.key, *part.aliases)
    ]
    narrow = [name for name in dict.fromkeys(names) if is_narrow(Matcher(part=name.replace("*", " ")))]
    if not narrow:
        return
    work.planned = quiet.plan_work(
        brand_id=work.brand_id,
        title=f"{work.name} {work.title}"[:200],
        from_at=work.from_at,
        until_at=work.until_at,
        parts=[name.replace("*", " ") for name in narrow],
        person_id=work.person_id,
        policy_id=work.policy_id,
        attended=work.attended,
        zone=work.brand.zone,
        by=by,
        via=via,
        at=at,
    )
    work.save(update_fields=["planned"])


def _promise_reminders(work: Work, at: datetime) -> None:
    void_promises((SUBJECT, work.pk), at=at, kinds=(REMIND,))
    for due_at in reminders(work.from_at, queries.work_rules_of(work.brand_id).remind_hours, at):
        why = _("those touched by {name} are reminded").format(name=work.name)
        promise(REMIND, subject=(SUBJECT, work.pk), due_at=due_at, why=why, at=at, brand_id=work.brand_id)


def _promise_undecided(work: Work, at: datetime) -> None:
    void_promises((SUBJECT, work.pk), at=at, kinds=(UNDECIDED,))
    due_at = work.from_at - UNDECIDED_BEFORE
    if due_at > at:
        why = _("somebody must decide on {name}").format(name=work.name)
        promise(UNDECIDED, subject=(SUBJECT, work.pk), due_at=due_at, why=why, at=at, brand_id=work.brand_id)


def _tell_planners(work: Work, title: str, body: str, by: Actor, via: Door, at: datetime) -> int:
    return tell_quietly(
        queries.planners_of(work.brand_id, work.person_id),
        kind="work.planning",
        subject=(PLANNING, work.pk),
        title=title,
        body=body,
        brand_id=work.brand_id,
        by=by,
        via=via,
        at=at,
    )


def _check_person(asked: str, brand_id: int, person_id: int | None, policy_id: int | None) -> None:
    if person_id is not None and not Person.objects.filter(id=person_id, active=True).exists():
        raise NotFound(asked, _("There is no such active person."), _("Choose somebody else."))
    if policy_id is not None and not Policy.objects.filter(id=policy_id, brand=brand_id).exists():
        raise NotFound(asked, _("The brand has no such policy."), _("Choose one of its own."))


def _clean_texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {language.lower()[:10]: text.strip()[:4000] for language, text in texts.items() if text.strip()}


def _next_number(brand_id: int) -> int:
    """The next number of the brand's work; whoever takes one has the lock until it is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outages_work_number'), %s)", [brand_id])
    last = Work.objects.filter(brand=brand_id).order_by("-number").values_list("number", flat=True).first()
    return FIRST_NUMBER if last is None else last + 1


def _record(work: Work, what: str, facts: Mapping[str, object], by: Actor, via: Door, at: datetime) -> UUID:
    told = {"name": work.name, **facts}
    return record(what, subject=(SUBJECT, work.pk), by=by, via=via, at=at, brand_id=work.brand_id, facts=told)
