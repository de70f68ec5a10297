"""Reading what is known: what fits a service and a kind of call, what was done about a subject, who has read what."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.contrib.postgres.search import SearchQuery
from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from nightdesk.base.memory import remembered
from nightdesk.customers.models import Customer, Subscription
from nightdesk.knowledge.fitting import Asked, Written, closeness
from nightdesk.knowledge.folding import as_query
from nightdesk.knowledge.markdown import Step, steps_of
from nightdesk.knowledge.models import (
    CALL_KINDS,
    Briefing,
    CallKind,
    Confirmation,
    Phrase,
    Procedure,
    Run,
    Saying,
    SettledStep,
    Spare,
    Template,
    Version,
)
from nightdesk.knowledge.phrase_book import PhraseKey, Words, words_in
from nightdesk.knowledge.phrases import languages_to_try
from nightdesk.people.models import Person

Fits = TypeVar("Fits", Procedure, Saying)
SHOWN_BESIDE = 10
"""So many of what fits are shown beside a page, a ticket or a call."""


@dataclass(frozen=True, slots=True)
class StepNow:
    """A check-step of a run as it stands; `settled` None: it is open."""

    step: Step
    settled: SettledStep | None


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run with its steps, those that are settled and those that are open."""

    run: Run
    steps: tuple[StepNow, ...]

    @property
    def done(self) -> int:
        """How many are settled."""
        return sum(each.settled is not None for each in self.steps)


def procedures_for(
    service_id: int | None,
    kinds_of_call: Collection[str],
    brand_id: int,
    component: str = "",
    *,
    most: int = SHOWN_BESIDE,
) -> list[Procedure]:
    """The published procedures that fit, the closest first; `kinds_of_call`: each of them will do, none asks for every kind.

    `published` is loaded. Two queries.
    """
    rows = Procedure.objects.filter(brand_id=brand_id, retired_at=None, published__isnull=False)
    rows = _of(rows, service_id, kinds_of_call).select_related("published")
    return _closest(rows, Asked(service_id, frozenset(kinds_of_call), component))[:most]


def sayings_for(
    service_id: int | None, kinds_of_call: Collection[str], brand_id: int, *, most: int = SHOWN_BESIDE
) -> list[Saying]:
    """What the desk may say, approved words only, the closest first."""
    rows = Saying.objects.filter(brand_id=brand_id, removed_at=None, approved_at__isnull=False)
    return _closest(_of(rows, service_id, kinds_of_call), Asked(service_id, frozenset(kinds_of_call)))[:most]


def _of(rows: QuerySet[Fits], service_id: int | None, kinds_of_call: Collection[str]) -> QuerySet[Fits]:
    """Those that may fit, by what the database can see."""
    services = Q(services=None) if service_id is None else Q(services=None) | Q(services=service_id)
    calls = Q(calls=[]) if kinds_of_call else Q()
    for kind in kinds_of_call:
        calls |= Q(calls__contains=[kind])
    return rows.filter(services, calls).prefetch_related("services").distinct()


def _closest(rows: Iterable[Fits], asked: Asked) -> list[Fits]:
    found = []
    for row in rows:
        services = frozenset(each.pk for each in row.services.all())
        how = closeness(Written(services, frozenset(row.calls), getattr(row, "part", "")), asked)
        if how is not None:
            found.append((-how, row.title.casefold(), row.pk, row))
    return [row for *_order, row in sorted(found, key=lambda each: each[:3])]


def find_procedures(rows: QuerySet[Procedure], text: str) -> QuerySet[Procedure]:
    """Those of `rows` in which every word of `text` begins some word, case and accents aside; all where it has no word."""
    asked = as_query(text)
    if not asked:
        return rows
    return rows.filter(words=SearchQuery(asked, config="simple", search_type="raw"))


def call_kinds(brand_ids: Collection[int] | None) -> dict[str, str]:
    """Key -> name of the kinds of call of these brands (None: of all), those of everybody first."""
    own = CallKind.objects.all() if brand_ids is None else CallKind.objects.filter(brand_id__in=brand_ids)
    return {key: str(name) for key, name in CALL_KINDS.items()} | dict(own.order_by("name").values_list("key", "name"))


def runs_about(subject: tuple[str, object]) -> list[RunNow]:
    """What was opened for the subject, (kind, id), the latest first, each with its steps."""
    rows = Run.objects.filter(subject_kind=subject[0], subject_id=str(subject[1]))
    return [run_now(each) for each in rows.select_related("version", "procedure").prefetch_related("settled")]


def run_now(run: Run) -> RunNow:
    """The run with its steps as they stand."""
    settled = {each.number: each for each in run.settled.all()}
    return RunNow(run, tuple(StepNow(step, settled.get(step.number)) for step in steps_of(run.version.body)))


def difference(older: Version | None, newer_title: str, newer_body: str) -> list[tuple[str, str]]:
    """What became of the older words, line by line: ("same", "gone" or "new", the line), with three lines around."""
    before = [older.title, "", *older.body.splitlines()] if older is not None else []
    after = [newer_title, "", *newer_body.splitlines()]
    marks = {" ": "same", "-": "gone", "+": "new"}
    found: list[tuple[str, str]] = []
    for line in list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]:
        if line.startswith("@@"):
            if found:
                found.append(("cut", ""))
        else:
            found.append((marks[line[:1]], line[1:]))
    return found


@remembered
def template_for(brand_id: int, use: str, language: str) -> Template | None:
    """The brand's text of that use in the language, else in the nearest to it, else in British English; of several the first by
    name.
    """
    codes = languages_to_try(language)
    found = Template.objects.filter(brand_id=brand_id, use=use, language__in=codes).order_by("-name")
    rows = {each.language: each for each in found}
    return next((rows[code] for code in codes if code in rows), None)


def low_spares(rows: QuerySet[Spare]) -> QuerySet[Spare]:
    """Those of which somebody should get more."""
    return rows.filter(low_at__gt=0, count__lte=F("low_at"))


def must_confirm(briefings: Sequence[Briefing]) -> dict[int, list[Person]]:
    """Briefing id -> the active people who must confirm it: those of its teams now, and those named, by name."""
    ids = [each.pk for each in briefings]
    found: dict[int, dict[int, Person]] = {each: {} for each in ids}
    people: dict[int, Person] = {}
    links = {
        *Briefing.teams.through.objects.filter(briefing__in=ids).values_list("briefing_id", "team__members"),
        *Briefing.persons.through.objects.filter(briefing__in=ids).values_list("briefing_id", "person_id"),
    }
    wanted = {person_id for _briefing, person_id in links if person_id is not None}
    people = {each.pk: each for each in Person.objects.filter(id__in=wanted, active=True)}
    for briefing_id, person_id in links:
        if person_id in people:
            found[briefing_id][person_id] = people[person_id]
    return {each: sorted(those.values(), key=lambda one: one.name.casefold()) for each, those in found.items()}


def unconfirmed(briefings: Sequence[Briefing]) -> dict[int, list[Person]]:
    """Briefing id -> those who must confirm it and have not."""
    said = set(
        Confirmation.objects.filter(briefing__in=[each.pk for each in briefings]).values_list(
            "briefing_id", "person_id"
        )
    )
    return {
        each: [person for person in people if (each, person.pk) not in said]
        for each, people in must_confirm(briefings).items()
    }


def has_open_briefings(brand_id: int | None) -> bool:
    """Whether anybody of the brand is still to read something."""
    return Briefing.objects.filter(brand=brand_id, closed_at=None).exists()


def briefings_waiting_for(person_id: int) -> list[Briefing]:
    """The open briefings that this person must confirm and has not, the first due first."""
    rows = Briefing.objects.filter(Q(teams__members=person_id) | Q(persons=person_id), closed_at=None)
    said = Confirmation.objects.filter(person_id=person_id).values("briefing_id")
    return list(rows.exclude(id__in=said).distinct().order_by("due_at", "id"))


def briefings_naming(rows: QuerySet[Briefing], person_id: int | None) -> QuerySet[Briefing]:
    """Those of `rows` that this person must confirm, by name or by a team; none for None."""
    named = Q(teams__members=person_id) | Q(persons=person_id)
    return rows.none() if person_id is None else rows.filter(id__in=Briefing.objects.filter(named).values("id"))


def reviews_due(person_id: int, at: datetime) -> list[Procedure]:
    """The procedures that this person keeps and should have looked through by now."""
    return list(Procedure.objects.filter(owner_id=person_id, retired_at=None, review_at__lte=at).order_by("review_at"))


BUILT_IN = {
    "down": gettext_noop("{{ service }} does not work."),
    "degraded": gettext_noop("{{ service }} does not work as it should."),
    "reduced": gettext_noop("{{ service }} works. A further fault could stop it until what has failed is mended."),
}
"""Effect -> what is said of it where nobody has written anything."""


def phrase_book(brand_id: int) -> Mapping[PhraseKey, tuple[str, str]]:
    """All that the brand says of effects, for `phrase_for`."""
    rows = Phrase.objects.filter(brand=brand_id)
    columns = ("service_id", "effect", "language", "text", "workaround")
    return {
        (service, effect, language): (text, workaround)
        for service, effect, language, text, workaround in rows.values_list(*columns)
    }


def phrase_for(book: Mapping[PhraseKey, tuple[str, str]], service: int, effect: str, language: str) -> Words:
    """What whoever reads `language` is told of the effect (reduced, degraded, down) on the service; there always is something."""
    if found := words_in(book, service, effect, language):
        return found
    with translation.override(language):
        return Words(_(BUILT_IN[effect]), language=language)


MOST_WORKAROUNDS = 3


def workarounds_for(customer: Customer, language: str) -> Sequence[str]:
    """What helps with the services that they buy, while nobody mends them: each once, the first MOST_WORKAROUNDS."""
    book = phrase_book(customer.brand_id)
    if not any(workaround for _text, workaround in book.values()):
        return ()
    bought = Subscription.objects.filter(customer=customer).order_by("service__name")
    found = [
        phrase_for(book, service, "down", language).workaround.replace("{{ service }}", name)
        for service, name in bought.values_list("service_id", "service__name").distinct()
    ]
    return tuple(dict.fromkeys(each for each in found if each))[:MOST_WORKAROUNDS]
