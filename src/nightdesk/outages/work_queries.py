"""Whom planned work touches, what speaks against it, and who is told of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Q, QuerySet
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor
from nightdesk.base.memory import remembered
from nightdesk.base.refusals import NotFound
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Contact, Contract, Customer, Subscription
from nightdesk.customers.queries import midnight
from nightdesk.knowledge.phrases import languages_to_try
from nightdesk.mailroom import addressing
from nightdesk.mailroom.queries import ours
from nightdesk.outages.audience import EMAIL, Facts, Hit, ways
from nightdesk.outages.audience import Contact as Reader
from nightdesk.outages.audience import Wish as Wished
from nightdesk.outages.effect import Effect, effects
from nightdesk.outages.maintnote import Maintnote, NoteObject, Status, worst
from nightdesk.outages.matching import Known, folded, match_objects, names_of
from nightdesk.outages.models import (
    Carrier,
    CarrierMail,
    FailedPart,
    Freeze,
    Outage,
    Part,
    Wish,
    Work,
    WorkNotice,
    WorkPart,
    WorkRules,
    WorkTerms,
    WorkTouched,
)
from nightdesk.outages.queries import graph_of_brand
from nightdesk.outages.work_flow import (
    EFFECT,
    IMPACT,
    OVER,
    Clash,
    Frozen,
    Terms,
    both_legs,
    clashes,
)

WORK = "planned-work"
"""Of journal entries, promises and messages about it."""


def work_rules_of(brand_id: int) -> WorkRules:
    """How the brand speaks of planned work; the defaults, unsaved, where nobody has said."""
    return WorkRules.objects.filter(brand=brand_id).first() or WorkRules(brand_id=brand_id)


def all_work(by: Actor | None = None) -> QuerySet[Work]:
    """Work that `by` may read (None: no reader is asked), with what lists show of it."""
    brands = None if by is None else brands_for(by, "read_work")
    rows = Work.objects.select_related("brand", "person", "carrier", "planned")
    return rows if brands is None else rows.filter(brand__in=brands)


def work_of(work_id: UUID, by: Actor | None = None) -> Work:
    """The work, if `by` may read it. Raises NotFound."""
    found = all_work(by).filter(pk=work_id).first()
    if found is None:
        raise NotFound(_("Planned work was asked for."), _("There is none with this id."), _("Look at the list of it."))
    return found


def parts_of(work_id: UUID) -> dict[int, Effect]:
    """Part -> what becomes of it meanwhile."""
    return {
        part: Effect(effect) for part, effect in WorkPart.objects.filter(work=work_id).values_list("part", "effect")
    }


def touched_by(brand_id: int, failed: Mapping[int, Effect]) -> dict[int, Effect]:
    """Subscription -> what the work on these parts does to it; nothing of those that it leaves as they are."""
    return dict(effects(graph_of_brand(brand_id), failed).subscriptions)


# --- What speaks against it ------------------------------------------------------------------------------------------


def clashes_of(work: Work, at: datetime) -> list[Clash]:
    """What its window clashes with, were those touched told at `at`; or as they were told, once they were."""
    customers = Customer.objects.filter(id__in=WorkTouched.objects.filter(work=work).values("customer"))
    told_at = work.announced_at or at
    return clashes(work.from_at, work.until_at, told_at, terms_of(work.brand_id, customers, work.from_at))


def terms_of(brand_id: int, customers: Iterable[Customer], at: datetime) -> list[Terms]:
    """What was agreed with each, by the contract that is in force at `at`."""
    customers = list(customers)
    rules = work_rules_of(brand_id)
    days: dict[int, int] = {}
    wanted = WorkTerms.objects.filter(contract__customer__in=customers).select_related("contract__hours")
    for terms in wanted:
        if _in_force(terms.contract, at):
            days[terms.contract.customer_id] = terms.notice_days
    freezes = list(
        Freeze.objects.filter(Q(customer=None) | Q(customer__in=customers), brand=brand_id).select_related("brand")
    )
    return [
        Terms(
            one.pk,
            timedelta(days=days.get(one.pk, rules.notice_days)),
            tuple(
                _frozen(freeze, one.zone if freeze.customer_id else freeze.brand.zone)
                for freeze in freezes
                if freeze.customer_id in (None, one.pk)
            ),
        )
        for one in customers
    ]


def _in_force(contract: Contract, at: datetime) -> bool:
    day = at.astimezone(ZoneInfo(contract.hours.zone)).date()
    return contract.valid_from <= day and (contract.valid_until is None or day < contract.valid_until)


def _frozen(freeze: Freeze, zone: str) -> Frozen:
    local = ZoneInfo(zone)
    return Frozen(freeze.name, midnight(freeze.first_day, local), midnight(freeze.last_day + timedelta(days=1), local))


@dataclass(frozen=True, slots=True)
class BothLegs:
    """A subscription that loses all of its legs at once, to these parts; `beside`: other work at the same time, by its name."""

    subscription: Subscription
    parts: tuple[Part, ...]
    beside: tuple[str, ...]


def both_legs_of(work: Work) -> list[BothLegs]:
    """Redundant pairs of which the work takes both legs: by itself, with other work at the same time, or with an open outage."""
    if work.state in OVER:
        return []
    graph = graph_of_brand(work.brand_id)
    failed = parts_of(work.pk)
    beside: dict[int, Effect] = {}
    names: dict[int, set[str]] = defaultdict(set)
    same_time = Work.objects.filter(
        brand=work.brand_id, ended_at=None, from_at__lt=work.until_at, until_at__gt=work.from_at
    ).exclude(pk=work.pk)
    rows = [
        (row.part_id, row.effect, row.work.name)
        for row in WorkPart.objects.filter(work__in=same_time).select_related("work")
    ]
    open_now = Outage.objects.filter(brand=work.brand_id, resolved_at=None)
    rows += [
        (row.part_id, row.effect, row.outage.name)
        for row in FailedPart.objects.filter(outage__in=open_now).select_related("outage")
    ]
    for part, effect, name in rows:
        beside[part] = max(beside.get(part, Effect.WORKS), Effect(effect))
        names[part].add(name)
    found = both_legs(graph, failed, beside)
    subscriptions = Subscription.objects.select_related("customer", "service").in_bulk(list(found))
    parts = Part.objects.in_bulk({part for legs in found.values() for part in legs})
    return [
        BothLegs(
            subscriptions[number],
            tuple(parts[part] for part in legs),
            tuple(sorted({name for part in legs if part not in failed for name in names[part]})),
        )
        for number, legs in found.items()
        if number in subscriptions
    ]


# --- Who is told -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A contact who is told by mail; `maintnote`: they want the file, with that METHOD ("" for none)."""

    contact: Contact
    language: str
    zone: str
    maintnote: str | None


def contacts_told(
    work: Work, customers: Collection[int], *, ending: Collection[int], at: datetime
) -> dict[int, list[Told]]:
    """Customer -> who of them is told of it, by mail: whoever would hear of an outage like it, see `audience`. Of the `ending`
    ones whoever has heard of it before, whatever they wish by now.
    """
    rows = Contact.objects.filter(customer__in=customers, left_at=None).exclude(email="")
    contacts = list(rows.select_related("customer__brand", "maintnote").order_by("id"))
    hits: dict[int, list[Hit]] = defaultdict(list)
    touched = WorkTouched.objects.filter(work=work, customer__in=customers).select_related("subscription")
    for row in touched:
        effect = Effect(row.effect)
        hits[row.customer_id].append(
            Hit(row.subscription_id, row.customer_id, row.subscription.service_id, effect, effect)
        )
    wishes = [
        Wished(
            one.customer_id, one.contact_id, one.service_id, frozenset(one.channels), Effect(one.min_effect),
            one.texts_from, one.texts_until,
        )
        for one in Wish.objects.filter(customer__in=customers)
    ]  # fmt: skip
    facts = Facts(at, [], [], wishes)
    heard = _have_heard(work)
    found: dict[int, list[Told]] = defaultdict(list)
    for contact in contacts:
        reader = Reader(contact.pk, contact.customer_id, contact.email, "", contact.zone or contact.customer.zone)
        wanted = any(channel == EMAIL for channel, _to in ways(reader, hits[contact.customer_id], facts, ended=False))
        if not wanted and not (contact.customer_id in ending and contact.pk in heard):
            continue
        customer = contact.customer
        maintnote = getattr(contact, "maintnote", None)
        found[contact.customer_id].append(
            Told(
                contact,
                contact.language or customer.language or customer.brand.language,
                contact.zone or customer.zone or customer.brand.zone,
                None if maintnote is None else maintnote.method,
            )
        )
    return dict(found)


def _have_heard(work: Work) -> set[int]:
    """Contacts to whom a notice of it has gone, or still goes."""
    rows = Delivery.objects.filter(subject_kind=WORK, subject_id=str(work.pk), recipient_kind="contact")
    ids = rows.exclude(state=Delivery.State.SUPERSEDED).values_list("recipient_id", flat=True).distinct()
    return {int(one) for one in ids if one.isdecimal()}


@dataclass(frozen=True, slots=True)
class Theirs:
    """A subscription that the work touches: `name` as a notice's object, `called` as in a sentence."""

    name: str
    called: str
    effect: Effect
    service: int


def objects_of(work_id: UUID, customers: Collection[int]) -> dict[int, list[Theirs]]:
    """Customer -> all of theirs that the work touches, the worst first."""
    found: dict[int, list[Theirs]] = defaultdict(list)
    rows = WorkTouched.objects.filter(work=work_id, customer__in=customers).select_related("subscription__service")
    for row in rows.order_by("-effect", "subscription__label", "subscription_id"):
        service, label = row.subscription.service, row.subscription.label
        found[row.customer_id].append(
            Theirs(label or service.name, f"{service.name} {label}".strip(), Effect(row.effect), service.pk)
        )
    return dict(found)


def our_address(brand_id: int) -> str:
    """The brand's mail address that a person reads, "" for none."""
    one = addressing.choose([one for one in ours() if one.local], brand_id)
    return one.address if one else ""


# --- Carriers --------------------------------------------------------------------------------------------------------


def carrier_of(sender: str, brand_id: int | None) -> Carrier | None:
    """Whose notices come from that address; a whole address goes before its domain. Of the brand, or of any where None."""
    sender = sender.strip().lower()
    domain = "@" + sender.rpartition("@")[2]
    rows = [one for one in _carriers(brand_id) if sender in one.senders or domain in one.senders]
    return min(rows, key=lambda one: (sender not in one.senders, one.pk), default=None)


@remembered
def _carriers(brand_id: int | None) -> list[Carrier]:
    """All that are set up, which are few: every mail that comes in asks for them."""
    rows = Carrier.objects.all()
    return list(rows if brand_id is None else rows.filter(brand=brand_id))


def carrier_mail(mail_id: UUID) -> CarrierMail | None:
    """What another program makes of the mail, where one was asked."""
    return CarrierMail.objects.select_related("carrier").filter(pk=mail_id).first()


def work_of_carrier(brand_id: int, key: str, uid: str, refs: Collection[str]) -> Work | None:
    """The work that a carrier's note is about: that of its UID, or of one of its ids. What is not over comes first."""
    if not key:
        return None
    same = Q(carrier_ref__in=[ref for ref in refs if ref]) | (Q(carrier_uid=uid) if uid else Q(pk=None))
    rows = Work.objects.filter(same, brand=brand_id, carrier_key=key)
    return min(rows, key=lambda one: (one.ended_at is not None, -one.made_at.timestamp()), default=None)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a note is about, of ours: part -> effect, objects that nobody knows, and what is doubtful of it."""

    parts: dict[int, Effect]
    unknown: tuple[str, ...]
    doubts: tuple[str, ...]
    harmless: bool


def meant_by_note(brand_id: int, carrier: Carrier | None, note: Maintnote) -> Meant:
    """Which of the brand's circuits the note is about. `carrier` None: an unknown sender."""
    names = [carrier.name, *carrier.names] if carrier is not None else []
    rows = Part.objects.filter(brand=brand_id, retired_at=None).exclude(provider_ref="")
    known = [Known(*row) for row in rows.values_list("id", "provider", "provider_ref")]
    parts: dict[int, Effect] = {}
    unknown, doubts, found = [], [], False
    for match in match_objects(note, names, known):
        if not match.parts:
            unknown.append(match.touched.id)
            continue
        found = True
        if len(match.parts) > 1:
            doubts.append(
                _("{name} may be any of {count} parts.").format(name=match.touched.id, count=len(match.parts))
            )
        effect = EFFECT[note.impact_on(match.touched)]
        for part in match.parts:
            if effect is not Effect.WORKS:
                parts[part] = max(parts.get(part, Effect.WORKS), effect)
    return Meant(parts, tuple(unknown), tuple(doubts), harmless=found and not parts)


def carrier_key(carrier: Carrier | None, note: Maintnote) -> str:
    """What tells a carrier's work from that of others, who may use the same UID."""
    if carrier is not None:
        return f"carrier {carrier.pk}"
    return min(names_of(note.provider), key=len, default=folded(note.organizer.rpartition("@")[2]))[:130]


def utc(at: datetime) -> str:
    """For JSON: 2026-12-01T02:00:00+00:00."""
    return at.astimezone(UTC).isoformat()


# --- Words -----------------------------------------------------------------------------------------------------------


def text_in(texts: Mapping[str, str], language: str, fall_back: str) -> str:
    """The text in that language, or in the nearest; "" where there is none at all."""
    wanted = (*languages_to_try(language), *languages_to_try(fall_back))
    return next((texts[code] for code in wanted if code in texts), next(iter(texts.values()), ""))


def clash_words(found: Sequence[Clash], names: Mapping[int, str], zone: str, most: int) -> list[str]:
    """Each clash in a few words, `most` of them, and how many more there are."""
    told = []
    for one in found[:most]:
        until = f"{one.until_at.astimezone(ZoneInfo(zone)):%d %b %H:%M}"
        words = (
            _("{customer} is to be told in time for work from {until} on")
            if one.kind == "notice"
            else _("{customer} wants none until {until} ({name})")
        )
        told.append(words.format(customer=names.get(one.customer, ""), until=until, name=one.name))
    if len(found) > most:
        told.append(_("and {count} more").format(count=len(found) - most))
    return told


def owners_of(subscriptions: Iterable[int]) -> Iterable[tuple[int, int]]:
    """(subscription, its customer) of each."""
    return Subscription.objects.filter(id__in=list(subscriptions)).values_list("id", "customer_id")


def told_of_clashes(found: Sequence[Clash], zone: str, most: int = 5) -> list[str]:
    """Each clash in a few words, `most` of them."""
    names = dict(Customer.objects.filter(id__in={one.customer for one in found}).values_list("id", "name"))
    return clash_words(found, names, zone, most)


def note_of(notice: WorkNotice, rules: WorkRules, address: str) -> Maintnote:
    """The notice as MAINTNOTE: only this customer's objects. An object has an impact of its own only where it differs."""
    work, customer = notice.work, notice.customer
    provider = rules.provider or address.rpartition("@")[2] or work.brand.slug
    impacts = [(one["name"], IMPACT[Effect(one["effect"])]) for one in notice.objects_told]
    whole = worst(impact for _name, impact in impacts)
    words = text_in(work.texts, customer.language, work.brand.language)
    summary = " ".join(words.split("\n", 1)[0].split())[:120]
    return Maintnote(
        provider=provider,
        account=customer.ref,
        maintenance_ids=(work.name,),
        status=Status(notice.status),
        impact=whole,
        objects=tuple(NoteObject(name, None if impact == whole else impact) for name, impact in dict(impacts).items()),
        starts_at=notice.from_at,
        ends_at=notice.until_at,
        uid=f"{work.pk}.{customer.pk}@{provider}",
        sequence=notice.sequence,
        stamped_at=notice.at.replace(microsecond=0),
        organizer=rules.organizer or address,
        organizer_name=work.brand.name,
        summary=f"{work.name}: {summary}" if summary else _("Planned work {name}").format(name=work.name),
        description=words,
    )


def planners_of(brand_id: int, person_id: int | None = None) -> Collection[int]:
    """Who plans it: whoever does it, and the team that plans."""
    team = work_rules_of(brand_id).planners
    found = set(team.members.filter(active=True).values_list("id", flat=True)) if team is not None else set()
    return sorted(found | ({person_id} if person_id is not None else set()))


def warnings_of(work: Work, at: datetime) -> list[str]:
    """What speaks against it, in sentences: both legs of a pair at once, clashes, a window that is past."""
    if work.state in OVER:
        return []
    found = []
    if work.until_at <= at and work.begun_at is None:
        found.append(_("Its window is past."))
    for legs in both_legs_of(work)[:5]:
        subscription = legs.subscription
        told = _("{customer} loses both legs of {what} at once: {parts}").format(
            customer=subscription.customer.name,
            what=subscription.label or subscription.service.name,
            parts=", ".join(part.name for part in legs.parts),
        )
        found.append(told + (_(" (with {others})").format(others=", ".join(legs.beside)) if legs.beside else ""))
    return found + told_of_clashes(clashes_of(work, at), work.brand.zone)


def has_work(brand_id: int | None) -> bool:
    """Whether customers of the brand are told of any planned work that is not over."""
    return Work.objects.filter(brand=brand_id, planned__isnull=False, ended_at=None).exists()


def notice_of(notice_id: UUID) -> WorkNotice | None:
    """What a customer was told, with the work and the customer."""
    return WorkNotice.objects.select_related("work__brand", "customer").filter(pk=notice_id).first()


def contact_who_wrote(customer_id: int, address: str) -> Contact | None:
    """The customer's contact with that mail address."""
    return Contact.objects.filter(customer=customer_id, email__iexact=address, left_at=None).order_by("id").first()


def work_parts(work_ids: Collection[UUID]) -> QuerySet[WorkPart]:
    """The parts of each, by their keys."""
    return WorkPart.objects.filter(work__in=work_ids).select_related("part").order_by("part__key")


def customers_of(work: Work, most: int) -> list[tuple[Customer, list[Theirs]]]:
    """Those whom the work touches, the worst hit first, with what of theirs."""
    rows = WorkTouched.objects.filter(work=work).values("customer").annotate(worst=Max("effect"), n=Count("id"))
    ids = [row["customer"] for row in rows.order_by("-worst", "-n", "customer")[:most]]
    objects = objects_of(work.pk, ids)
    known = Customer.objects.in_bulk(ids)
    return [(known[one], objects[one]) for one in ids if one in known and one in objects]


def language_of(brand_id: int) -> str:
    """The brand's own."""
    return Brand.objects.get(pk=brand_id).language


def note_as_json(note: Maintnote) -> dict[str, Any]:
    """The note as it is shown: instants as text."""
    told = {name: value for name, value in asdict(note).items() if value not in ("", None, (), [])}
    return {name: utc(value) if isinstance(value, datetime) else value for name, value in told.items()}
