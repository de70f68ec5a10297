"""Random days of a brand, and the same figures counted by hand: from what was made up, and not from the tables."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.calls.models import Call, Leg, Line, Message
from nightdesk.channels.models import Attempt, Delivery, Route
from nightdesk.customers.models import Contact, Customer, Service, Subscription
from nightdesk.desk.models import Entry, Supplier, Survey, Ticket
from nightdesk.journal.actions import record
from nightdesk.outages.models import Affected, Outage, Touched, Update
from nightdesk.paging.models import Page
from nightdesk.people.models import Person, Team
from nightdesk.reports.models import DeskSupplier

FIRST = date(2026, 10, 23)
DAYS = 5
"""From a Friday over the Sunday on which the clocks go back."""
ZONE = ZoneInfo("Europe/London")
START = datetime(2026, 10, 22, 23, 0, tzinfo=UTC)
HAPPENED = "test.happened"
BY = Actor("person", "1", "Bo")
CLOSED = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}


def local_day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


@dataclass
class History:
    """What happened, as the test made it up: dictionaries, in the order made."""

    random: Random
    name: str
    at: datetime = START + timedelta(days=DAYS + 1)
    calls: list[dict[str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    down: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    surveys: list[dict[str, Any]] = field(default_factory=list)
    woken: set[tuple[int, str, date]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.brand = Brand.objects.create(name=self.name, slug=self.name, zone="Europe/London")
        self.people = [Person.objects.create(name=f"{self.name} {n}") for n in range(3)]
        self.teams = [Team.objects.create(brand=self.brand, name=name) for name in ("Ours", "Theirs")]
        self.teams[0].members.set(self.people[:2])
        self.teams[1].members.set(self.people[2:])
        self.team_of = {person.pk: self.teams[n // 2].pk for n, person in enumerate(self.people)}
        supplier = Supplier.objects.create(brand=self.brand, name="Answers Ltd")
        self.supplier = supplier.pk
        DeskSupplier.objects.create(team=self.teams[1], supplier=supplier)
        service = Service.objects.create(brand=self.brand, key="line", name="Line")
        self.customers = [Customer.objects.create(brand=self.brand, name=f"C{n}", ref=str(n)) for n in range(3)]
        self.contacts = [Contact.objects.create(customer=customer, name="K") for customer in self.customers]
        self.subscriptions = [
            Subscription.objects.create(customer=customer, service=service, label=str(n))
            for customer in self.customers
            for n in range(2)
        ]
        # Of the last customer one ends on the third day at noon, and one is bought only then.
        noon = START + timedelta(days=2, hours=13)
        self.ended_at = {self.subscriptions[4].pk: noon}
        self.made_at = {self.subscriptions[5].pk: noon}
        Subscription.objects.filter(pk=self.subscriptions[5].pk).update(made_at=noon)
        Subscription.objects.filter(pk=self.subscriptions[4].pk).update(ended_at=noon)
        self.service = service
        numbers = [f"+4420{self.brand.pk:08}"]
        self.line = Line.objects.create(
            brand=self.brand, name="Line", numbers=numbers, shown_number=numbers[0], pager_number=numbers[0]
        )
        self.route = Route.objects.create(brand=self.brand, channel="sms", driver="outbox", name=f"{self.name} SMSC")
        self.numbered = 0

    # --- What happens ------------------------------------------------------------------------------------------------

    def goes_on(self, count: int) -> None:
        """So many things happen: new ones, and changes of old ones."""
        doing = [
            self.call,
            self.ticket,
            self.message,
            self.page,
            self.outage,
            self.text,
            self.change_ticket,
            self.answer,
        ]
        for _ in range(count):
            self.random.choice(doing)()

    def _instant(self) -> datetime:
        # A coarse grid, so that edges meet: midnights, the hour that comes twice, the 12 seconds.
        return START + timedelta(
            minutes=self.random.randrange(0, DAYS * 24 * 60, 30), seconds=self.random.choice([0, 0, 1799])
        )

    def _journal(self, subject: tuple[str, object]) -> None:
        record(HAPPENED, subject=subject, by=BY, via=Door.WEB, at=self.at, brand_id=self.brand.pk)

    def call(self) -> None:
        came_at = self._instant()
        who = [(by, person) for by in ("engineer", "recorder", "desk") for person in (*self.people, None)]
        answers = [(after, *one) for after in (3.0, 12.0, 12.5, 40.0) for one in who]
        after, by, person = self.random.choice([(None, "", None), (None, "", None), *answers])
        told = self.random.choice([False, False, False, True])
        customer = self.random.choice([*self.customers, None])
        answered_at = None if after is None else came_at + timedelta(seconds=after)
        row = Call.objects.create(
            id=uuid7(came_at), line=self.line, exchange="test", called=self.line.numbers[0], came_at=came_at,
            number=self.random.choice(["", "+441", "+442"]), customer=customer, answered_at=answered_at, answered_by=by,
            answered_person=person if by != "recorder" else None, ended_at=came_at + timedelta(minutes=2),
            ended_as="abandoned" if after is None else "done", heard_outage_at=came_at if told else None,
        )  # fmt: skip
        rung = self.random.choice([*self.people, None])
        if rung is not None:
            Leg.objects.create(call=row, name="1", to="x", person=rung, ordered_at=came_at)
        team = row.answered_person_id or (rung.pk if rung else None)
        self.calls.append(
            {"at": came_at, "after": after, "by": by, "told": told, "customer": row.customer_id, "number": row.number,
             "team": self.team_of.get(team) if team else None}
        )  # fmt: skip
        self._journal(("call", row.pk))

    def ticket(self) -> None:
        opened_at = self._instant()
        machine = self.random.random() < 0.15
        self.numbered += 1
        row = Ticket.objects.create(
            id=uuid7(opened_at), brand=self.brand, number=self.numbered, kind="incident", title="t", impact="high",
            urgency="high", priority=2, trust="machine" if machine else "verified", came_by="mail", opened_at=opened_at,
            changed_at=opened_at, next_step="x", next_step_at=opened_at, team=self.random.choice([*self.teams, None]),
            customer=self.random.choice([*self.customers, None]),
        )  # fmt: skip
        known = {
            "row": row,
            "machine": machine,
            "functional": False,
            "spoke": [],
            "reopened": False,
            "done": None,
            "told": None,
        }
        self.tickets.append(known)
        self._journal(("ticket", row.pk))

    def change_ticket(self) -> None:
        if not self.tickets:
            return
        known = self.random.choice(self.tickets)
        row = known["row"]
        later = row.opened_at + timedelta(minutes=self.random.randrange(0, 3000, 7))
        match self.random.choice(["answer", "resolve", "reopen", "escalate", "speak", "give"]):
            case "answer" if known["told"] is None:
                known["told"] = row.first_response_at = later
            case "resolve":
                known["done"] = row.resolved_at = later
                row.state = "resolved"
                for name, words in CLOSED.items():
                    setattr(row, name, words)
            case "reopen" if known["done"] is not None:
                row.state, row.resolved_at, known["done"], known["reopened"] = "in_progress", None, None, True
                row.reopened += 1
            case "escalate":
                known["functional"] = True
                self._entry(row, "moved", later, {"escalation": "functional"})
            case "speak":
                known["spoke"].append(later)
                self._entry(row, "message_in", later, {})
            case "give":
                row.team, row.customer = self.random.choice(self.teams), self.random.choice(self.customers)
        row.save()
        self._journal(("ticket", row.pk))

    def _entry(self, row: Ticket, kind: str, at: datetime, facts: dict[str, Any]) -> None:
        Entry.objects.create(
            ticket=row, at=at, kind=kind, by_kind="person", by_id="1", by_name="Bo", via="web", facts=facts
        )

    def answer(self) -> None:
        free = [known for known in self.tickets if not hasattr(known["row"], "asked_what")]
        if not free:
            return
        row = self.random.choice(free)["row"]
        row.asked_what = True
        asked_at, score = self._instant(), self.random.choice([None, 1, 3, 4, 5])
        team = self.random.choice(self.teams)
        Survey.objects.create(
            ticket=row, brand=self.brand, address="a@b.example", digest=str(row.pk), team=team, asked_at=asked_at, score=score,
            answered_at=asked_at if score else None,
        )  # fmt: skip
        self.surveys.append({"at": asked_at, "score": score, "team": team.pk})
        self._journal(("ticket", row.pk))

    def message(self) -> None:
        taken_at = self._instant()
        due_at = taken_at + timedelta(minutes=30)
        reached = self.random.choice([None, due_at, due_at + timedelta(seconds=1), taken_at])
        ended = reached or self.random.choice([None, taken_at, due_at + timedelta(minutes=1)])
        row = Message.objects.create(
            id=uuid7(taken_at), brand=self.brand, line=self.line, kind="message", taken_at=taken_at, call_back_by=due_at,
            reached_at=reached, ended_at=ended,
        )  # fmt: skip
        self.messages.append({"at": taken_at, "due": due_at, "reached": reached, "ended": ended})
        self._journal(("message_left", row.pk))

    def page(self) -> None:
        started_at = self._instant()
        taken = self.random.choice([None, 0, 61, 4000])
        team = self.random.choice([*self.teams, None])
        row = Page.objects.create(
            id=uuid7(started_at), brand=self.brand, code=f"P{self.brand.pk % 1000}{len(self.pages)}", priority=1, urgency="high",
            title="p", policy={}, rung=1, rings=1, started_at=started_at, rings_from=started_at, team=team,
            state="resolved", resolved_at=started_at + timedelta(hours=2),
            acknowledged_at=None if taken is None else started_at + timedelta(seconds=taken),
        )  # fmt: skip
        self.pages.append({"at": started_at, "taken": taken, "team": team.pk if team else None})
        self._journal(("page", row.pk))
        person = self.random.choice(self.people)
        self._deliver(started_at, person, "person", ("page", row.pk), "delivered")
        local = started_at.astimezone(ZONE)
        if local.hour >= 23 or local.hour < 6:
            evening = local.date() - timedelta(days=local.hour < 6)
            self.woken.add((person.pk, str(row.pk), evening))

    def outage(self) -> None:
        began_at = self._instant().replace(second=0)
        began_at -= timedelta(minutes=began_at.minute % 10)
        over_at = self.random.choice([None, began_at + timedelta(minutes=self.random.randrange(10, 4000, 50))])
        # Now and then it is less than down in between, for a while.
        worked = began_at + timedelta(minutes=20), began_at + timedelta(minutes=50)
        flaps = self.random.random() < 0.5 and (over_at is None or over_at > worked[1])
        row = Outage.objects.create(
            id=uuid7(began_at), brand=self.brand, number=len(self.down) + 1, title="o", severity="major", origin="person",
            state="resolved" if over_at else "investigating", began_at=began_at, proposed_at=began_at, confirmed_at=began_at,
            resolved_at=over_at, changed_at=began_at,
        )  # fmt: skip
        running = [
            one for one in self.subscriptions
            if self.made_at.get(one.pk, began_at) <= began_at < self.ended_at.get(one.pk, self.at)
        ]  # fmt: skip
        hit = self.random.sample(running, 2)
        for one in hit:
            Touched.objects.create(
                outage=row, subscription=one, customer=one.customer, service=self.service, worst=3,
                effect=0 if over_at else 3, since=began_at, until=over_at,
                down_at=[began_at, *(worked if flaps else ()), *([over_at] if over_at else ())],
            )  # fmt: skip
            if not Affected.objects.filter(outage=row, customer=one.customer).exists():
                Affected.objects.create(
                    outage=row, customer=one.customer, effect=3, worst=3, services=1, since=began_at
                )
        Update.objects.create(
            outage=row, number=1, kind="update", state="investigating", texts={"en-gb": "x"}, written_at=began_at,
            written_by="Bo", written_by_id="1", approved_at=began_at, published_at=began_at + timedelta(minutes=5),
            next_at=began_at + timedelta(minutes=30),
        )  # fmt: skip
        self.down.append(
            {
                "at": began_at,
                "over": over_at,
                "worked": worked if flaps else (began_at, began_at),
                "hit": [one.pk for one in hit],
                "customers": [one.customer_id for one in hit],
            }
        )
        self._journal(("outage", row.pk))

    def text(self) -> None:
        self._deliver(
            self._instant(), self.random.choice(self.contacts), "contact", ("ticket", uuid7(self.at)),
            self.random.choice(["delivered", "failed", "accepted", "superseded"]),
        )  # fmt: skip

    def _deliver(self, at: datetime, whom: Any, kind: str, subject: tuple[str, object], state: str) -> None:
        taken = state in ("delivered", "accepted")
        month = at.date().replace(day=1)
        row = Delivery.objects.create(
            id=uuid7(at), month=month, message_id=uuid7(at), brand_id=self.brand.pk, occurrence=str(uuid7(at)), lane="urgent",
            subject_kind=subject[0], subject_id=str(subject[1]), recipient_kind=kind, recipient_id=str(whom.pk), channel="sms",
            address="+44", state=state, route_id=self.route.pk, due_at=at, created_at=at, accepted_at=at if taken else None,
            ended_at=at,
        )  # fmt: skip
        Attempt.objects.create(
            month=month, delivery_id=row.pk, number=1, route_id=self.route.pk, route_name=self.route.name, at=at, took_ms=1,
            outcome=state, parts=1, price="0.035", currency="GBP",
        )  # fmt: skip
        self.sent.append({"at": at, "state": state})

    # --- Counted by hand ---------------------------------------------------------------------------------------------

    def by_hand(self, first: date, last: date) -> dict[str, Any]:
        """Some figures of these days, as somebody with a pencil would: (hits, cases), or what is measured, sorted."""

        def of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [row for row in rows if first <= local_day(row["at"]) <= last]

        asked = [call for call in of(self.calls) if not call["told"]]
        soon = [
            call for call in asked if call["after"] is not None and call["after"] <= 12 and call["by"] != "recorder"
        ]
        tickets = [
            known
            for known in self.tickets
            if not known["machine"] and first <= local_day(known["row"].opened_at) <= last
        ]
        done = [known for known in tickets if known["done"] is not None]
        simple = [
            known for known in done
            if not known["functional"] and not known["reopened"]
            and not (known["told"] and any(known["told"] < at < known["done"] for at in known["spoke"]))
        ]  # fmt: skip
        owed = [
            one for one in of(self.messages)
            if one["reached"] or (one["due"] < self.at and (not one["ended"] or one["ended"] > one["due"]))
        ]  # fmt: skip
        scores = [one["score"] for one in of(self.surveys) if one["score"]]
        sent = [one["state"] for one in of(self.sent) if one["state"] != "superseded"]
        return {
            "answered_12s": (len(soon), len(asked)),
            "repeat_callers": self._repeat(of(self.calls)),
            "time_to_resolve": sorted(_ms(known["row"].opened_at, known["done"]) for known in done),
            "first_contact": (len(simple), len(done)),
            "escalated_functional": (sum(known["functional"] for known in tickets), len(tickets)),
            "call_backs_on_time": (
                sum(bool(one["reached"]) and one["reached"] <= one["due"] for one in owed),
                len(owed),
            ),
            "time_to_acknowledge": sorted(1000 * one["taken"] for one in of(self.pages) if one["taken"] is not None),
            "satisfaction": sorted(scores),
            "woken": sum(first <= evening <= last for _person, _page, evening in self.woken),
            "delivery_taken": (sum(state != "failed" for state in sent), len(sent)),
            "delivery_arrived": (sent.count("delivered"), sent.count("delivered") + sent.count("failed")),
            "tens_of_minutes_lost": self._lost(first, last),
        }

    def _repeat(self, rows: list[dict[str, Any]]) -> tuple[int, int]:
        shown = [row for row in rows if row["number"]]
        again = [
            row for row in shown
            if any(other["number"] == row["number"] and timedelta() < row["at"] - other["at"] <= timedelta(days=1)
                   for other in self.calls)
        ]  # fmt: skip
        return len(again), len(shown)

    def _lost(self, first: date, last: date) -> int:
        """Pieces of ten minutes, each of each subscription once: all begin and end on that grid."""
        since = datetime.combine(first, datetime.min.time(), ZONE).astimezone(UTC)
        until = datetime.combine(last + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)
        lost = set()
        for one in self.down:
            piece = max(one["at"], since)
            while piece < min(one["over"] or self.at, until, self.at):
                if not one["worked"][0] <= piece < one["worked"][1]:
                    lost |= {(sub, piece) for sub in one["hit"] if piece < self.ended_at.get(sub, self.at)}
                piece += timedelta(minutes=10)
        return len(lost)

    def bought(self, first: date, last: date) -> int:
        """Pieces of ten minutes in which each subscription ran, from the first day on that anything happened."""
        since = datetime.combine(max(first, self._first_day()), datetime.min.time(), ZONE).astimezone(UTC)
        until = datetime.combine(last + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)
        ran, piece = 0, since
        while piece < min(until, self.at):
            ran += sum(
                self.made_at.get(one.pk, piece) <= piece < self.ended_at.get(one.pk, self.at)
                for one in self.subscriptions
            )
            piece += timedelta(minutes=10)
        return ran

    def _first_day(self) -> date:
        told = [*self.calls, *self.messages, *self.pages, *self.down]
        return min(
            local_day(at) for at in [*(one["at"] for one in told), *(one["row"].opened_at for one in self.tickets)]
        )


def _ms(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(milliseconds=1)
