"""A line before anybody rings it: whom it would ring now and why not others, and what callers would hear. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from nightdesk.calls.callers import known_outage
from nightdesk.calls.candidates import candidates
from nightdesk.calls.facts import facts_at
from nightdesk.calls.flow import CallerFacts, Facts, KnownOutage
from nightdesk.calls.models import Line, Telephone
from nightdesk.calls.simulate import Moment, walk
from nightdesk.channels.spoken import voice_language
from nightdesk.customers.hours import is_open, next_change
from nightdesk.customers.queries import support_hours
from nightdesk.desk.wording import hours_line
from nightdesk.duty.queries import away_at
from nightdesk.lines.exchange import Came
from nightdesk.outages.decide import OVER
from nightdesk.outages.models import Affected, Update
from nightdesk.outages.queries import words_in_short
from nightdesk.people.models import Absence, ContactMethod, Person
from nightdesk.people.skill_queries import newcomers

# --- Whom a line would ring ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rung:
    """Somebody whom the line would ring now, by `to`, or (`to` "") why not."""

    person: Person
    to: str
    why: str
    fixing: bool = False
    busy: bool = False


def rung_at(line: Line, at: datetime) -> list[Rung]:
    """Who would be rung at `at`, which is now, the first to ring first; then everybody else of the brand's teams, and why not."""
    here = line.hours is None or is_open(support_hours(line.hours), at)
    rows = candidates(line, open_now=here, skill=None, at=at, now=at)
    people = {person.pk: person for person in Person.objects.filter(pk__in=[one.person_id for one in rows])}
    ranks = {
        "queue": _("next in the queue"),
        "holder": _("on call"),
        "backup": _("backup"),
        "signed_in": _("signed in"),
        "network": _("knows networks"),
    }
    found = [Rung(people[one.person_id], one.to, ranks[one.rank], one.fixing, one.busy) for one in rows]
    others = Person.objects.filter(teams__brand=line.brand_id, active=True).exclude(pk__in=people).distinct()
    return found + [Rung(person, "", why) for person, why in _why_not(list(others), at)]


def _why_not(others: list[Person], at: datetime) -> Iterator[tuple[Person, str]]:
    ids = [person.pk for person in others]
    absent = set(
        Absence.objects.filter(person__in=ids, cancelled_at=None, starts_at__lte=at, ends_at__gt=at).values_list(
            "person_id", flat=True
        )
    )
    away, new = away_at(at, ids), newcomers(ids)
    voice = ContactMethod.objects.filter(person__in=ids, channel="voice", broken_at=None)
    proved = set(voice.exclude(verified_at=None).values_list("person_id", flat=True))
    registered = set(Telephone.objects.filter(person__in=ids).values_list("person_id", flat=True))
    for person in others:
        if person.pk in absent:
            yield person, _("absent")
        elif person.pk in away:
            yield person, _("out of reach")
        elif person.quiet_until is not None and person.quiet_until > at:
            yield person, _("asked for quiet")
        elif person.pk in new:
            yield person, _("new: never rung alone")
        elif person.pk not in proved | registered:
            yield person, _("no telephone, and no confirmed number for calls")
        else:
            yield person, _("has no seat of this line, and is not signed in")


CALLER = "caller: "
"""How words begin that a caller hears, in a walk."""

# --- What callers of it would hear -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a caller in this position hears at `at`, one sentence after the other, and whom it rings."""

    title: str
    at: datetime
    heard: list[str]
    rung: list[str]


def previews_of(line: Line, at: datetime) -> list[Preview]:
    """In hours, out of them, not covered, and while an outage touches the caller; as the flow itself decides it."""
    facts = facts_at(line.pk, "", at, now=at)
    hours = support_hours(line.hours) if line.hours is not None else None
    turn = next_change(hours, at) if hours is not None else None
    by_day = at if facts.line.open_now else turn
    by_night = turn if facts.line.open_now else at
    known = CallerFacts("customer", _("A customer"), "number", covered=True, may_wake=True)
    found = []
    if by_day is not None:
        found.append(_preview(_("In hours"), line, by_day, at, known))
    if by_night is not None:
        found.append(_preview(_("Out of hours"), line, by_night, at, known))
        words = hours_line(hours) if hours is not None else ""
        opens = next_change(hours, by_night) if hours is not None else None
        stranger = replace(known, covered=False, may_wake=False, hours_in_words=words, answer_from=opens)
        found.append(_preview(_("Out of hours, and their contract does not cover it"), line, by_night, at, stranger))
    said_at, next_at = at - timedelta(minutes=10), at + timedelta(minutes=20)
    touched = replace(
        known, outages=(KnownOutage("", _("Your line at Dock Street does not work."), said_at, next_at, late=False),)
    )
    found.append(_preview(_("While an outage touches them"), line, at, at, touched))
    return found


def outage_heard(update: Update, at: datetime) -> str:
    """What whoever the update's outage hits worst hears who rings once it is published, as the flow itself decides it; "" where
    nobody hears of it: the brand has no line, the outage is over by it, or touches nobody.
    """
    outage = update.outage
    line = Line.objects.filter(brand=outage.brand_id, active=True).order_by("pk").first()
    hit = (
        Affected.objects.filter(outage=outage, effect__gt=0).select_related("customer").order_by("-effect", "customer")
    )
    worst = hit.first()
    if line is None or worst is None or update.state in OVER:
        return ""
    customer = worst.customer
    words = words_in_short(outage, customer.pk, customer.language)
    caller = CallerFacts(
        "customer",
        customer.name,
        "number",
        language=voice_language(customer.language),
        covered=True,
        outages=(known_outage(outage, update, words, customer.language, at),),
    )
    _facts, moments = _walked(line, at, at, caller)
    first = next(moment.heard for moment in moments if moment.heard)  # what follows is said once more
    return " ".join(words.removeprefix(CALLER) for words in first)


def _preview(title: str, line: Line, at: datetime, now: datetime, caller: CallerFacts) -> Preview:
    facts, moments = _walked(line, at, now, caller)
    heard = [words for moment in moments for words in moment.heard if words.startswith(CALLER)]
    names = {one.to: one.name for one in facts.candidates} | {line.bureau_number: _("the answering service")}
    rung = [words.partition(": ")[2] for moment in moments for words in moment.rung]
    # Who presses nothing hears some of it again.
    once = dict.fromkeys(words.removeprefix(CALLER) for words in heard)
    return Preview(title, at, list(once), [names.get(to, to) for to in dict.fromkeys(rung)])


def _walked(line: Line, at: datetime, now: datetime, caller: CallerFacts) -> tuple[Facts, Sequence[Moment]]:
    """The facts of such a call at `at` where nobody is busy, and what comes of it."""
    facts = facts_at(line.pk, "", at, now=now)
    free = [replace(one, busy=False) for one in facts.candidates]
    facts = replace(facts, caller=caller, candidates=free)
    return facts, walk(Came("caller", next(iter(line.numbers), ""), "+15550100"), facts)
