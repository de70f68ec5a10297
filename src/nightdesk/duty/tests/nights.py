"""A small company at night: people, rotas, and a clock that only the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from nightdesk.access.models import Brand
from nightdesk.base import clock, promises
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.channels.answering import ANSWER_VERBS
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty import actions, plan_actions, tasks
from nightdesk.duty.models import Hold
from nightdesk.duty.queries import OnDuty, who_is_on
from nightdesk.journal.actions import FOLLOW_UPS
from nightdesk.journal.models import Entry
from nightdesk.people.models import ContactMethod, Person
from nightdesk.rota.actions import add_override, make_rota, set_layers

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

HANDLERS = tasks.HANDLERS


@contextmanager
def wired() -> Iterator[None]:
    """As `nightdesk.wiring` and `follow_ups` do it, but that nobody is told that the plan has changed: that is a scenario's."""
    ours = HANDLERS.keys() - {plan_actions.CHANGED}
    registries: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (promises.HANDLERS, HANDLERS),
        (ANSWER_VERBS, dict(tasks.ANSWERS)),
        (FOLLOW_UPS, {kind: tuple(each for each in after if each in ours) for kind, after in FOLLOW_UPS.items()}),
    ]
    before = [dict(registry) for registry, _wanted in registries]
    for registry, wanted in registries:
        registry.update(wanted)
    try:
        yield
    finally:
        for (registry, _wanted), kept in zip(registries, before, strict=True):
            registry.clear()
            registry.update(kept)


class Nights:
    """One brand and its clock. Persons are named; a seat's layers are given as `rota.decide` reads them."""

    def __init__(self, starts: datetime) -> None:
        self.at = starts.astimezone(UTC)
        self.brand = Brand.objects.create(name="Quayside", slug=f"quayside-{Brand.objects.count()}")
        self.people: dict[str, int] = {}

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": self.at}

    def person(self, name: str, zone: str = "Europe/London") -> int:
        if name not in self.people:
            made = Person.objects.create(name=name, zone=zone)
            number = f"+44770090000{made.id % 10}"
            ContactMethod.objects.create(person=made, channel="sms", address=number, proved_at=self.at)
            self.people[name] = made.id
        return self.people[name]

    def name(self, person_id: int | None) -> str | None:
        return next((name for name, id_ in self.people.items() if id_ == person_id), None)

    def by(self, name: str, role: str = "engineer") -> dict[str, Any]:
        actor = Actor("person", str(self.person(name)), name, grants=frozenset({(self.brand.id, role)}))
        return {"by": actor, "via": Door.WEB, "at": self.at}

    def rota(self, *seats: str, required: bool = False, zone: str = "Europe/London") -> int:
        wanted = [{"key": key, "name": key.title(), "acceptance_required": required} for key in seats or ("night",)]
        return make_rota(brand_id=self.brand.id, name="Nights", zone=zone, seats=wanted, **self.doing).id  # type: ignore[arg-type]

    def layers(self, *layers: dict[str, Any], seat: str = "night", reason: str = "") -> None:
        set_layers(seat_key=seat, layers=list(layers), override_reason=reason, **self.doing)
        self.work()

    def daily(self, *names: str, anchor: str = "2026-03-01T18:00", **more: Any) -> dict[str, Any]:
        members = [{"person": self.person(name)} for name in names]
        return {"members": members, "anchor": anchor, "turn": "day", **more}

    def override(self, kind: str, starts_at: datetime, ends_at: datetime, **more: Any) -> int:
        made = add_override(seat_key="night", kind=kind, starts_at=starts_at, ends_at=ends_at, **more, **self.doing)
        return made.id

    def first(self, name: str, seat: str = "night") -> None:
        actions.set_first_holder(seat_key=seat, person_id=self.person(name), **self.doing)

    def accept(self, name: str, turn_at: datetime, seat: str = "night") -> None:
        actions.accept_duty(seat_key=seat, turn_at=turn_at, **self.by(name))

    def work(self, late: timedelta = timedelta(0)) -> None:
        """Let the worker do what is due, as if it came `late` to everything."""
        while True:
            row = Promise.objects.filter(ended_at=None, due_at__lte=self.at).order_by("due_at", "id").first()
            if row is None:
                return
            with clock.replaced_by(partial(max, self.at + late, row.due_at + late)):
                promises.keep(row)
            row.refresh_from_db()
            assert row.ended_as in (Promise.Ending.KEPT, Promise.Ending.VOID), row.failure

    def until(self, at: datetime, late: timedelta = timedelta(0)) -> None:
        """Move the clock to `at`, stopping at every promise that falls due on the way."""
        while True:
            row = Promise.objects.filter(ended_at=None, due_at__lte=at).order_by("due_at").first()
            if row is None:
                break
            self.at = max(self.at, row.due_at)
            self.work(late)
        self.at = at

    def holder(self, at: datetime | None = None, seat: str = "night") -> str | None:
        hold = (
            Hold.objects.filter(seat__key=seat, from_at__lte=at or self.at)
            .exclude(until_at__lte=at or self.at)
            .select_related("person")
            .first()
        )
        return hold.person.name if hold else None

    def on(self, at: datetime | None = None, seat: str = "night") -> OnDuty:
        answers = who_is_on(at or self.at, {self.brand.id}, now=self.at)
        return next(answer for answer in answers if answer.seat_key == seat)

    def journal(self) -> list[str]:
        """Kinds of what became of the token, in order; that a note was drafted aside."""
        rows = Entry.objects.filter(kind__startswith="duty.").exclude(kind="duty.note_drafted")
        return list(rows.order_by("at", "id").values_list("kind", flat=True))

    def mail(self) -> list[tuple[str, str]]:
        """(kind, who gets it) of each message, in order."""
        found = []
        for message in Message.objects.order_by("at", "id"):
            rows = Delivery.objects.filter(message_id=message.id).values_list("recipient_id", flat=True)
            found += [(message.kind, self.name(int(person_id)) or "") for person_id in rows]
        return found
