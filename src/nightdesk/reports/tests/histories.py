"""Random days of a brand, and the same figures counted by hand: from what was made up, and not from the tables."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.ids import uuid7
from nightdesk.calls.bureau_models import BureauClient, BureauMessage, Script, ScriptVersion
from nightdesk.calls.models import Call, Leg, Line, Message
from nightdesk.channels.models import Attempt, Delivery, Route
from nightdesk.customers.models import Contact, Customer, Service, Subscription
from nightdesk.desk.models import Entry, Escalation, Supplier, SupplierTicket, Survey, Ticket
from nightdesk.journal.actions import record
from nightdesk.outages.models import Affected, Outage, Touched, Update, Work, WorkTouched
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


def shift(at: datetime) -> str:
    """By the clocks of the brand, as docs/figures.md has it."""
    local = at.astimezone(ZONE)
    if local.hour in (23, 0, 1, 2, 3, 4, 5):
        return "night"
    if local.date() in (FIRST + timedelta(days=1), FIRST + timedelta(days=2)):
        return "weekend"
    return "day" if local.hour < 18 else "evening"


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
    works: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
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
        self.carrier = Supplier.objects.create(brand=self.brand, name="Carrier").pk
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
        self.client = BureauClient.objects.create(brand=self.brand)
        script = Script.objects.create(client=self.client, name="Script")
        self.script = ScriptVersion.objects.create(
            script=script, number=1, greeting="Hello", starts_at=START, made_at=START, made_by="Bo"
        )

    # --- What happens ------------------------------------------------------------------------------------------------

    def goes_on(self, count: int) -> None:
        """So many things happen: new ones, and changes of old ones."""
        doing = [
            self.call,
            self.ticket,
            self.message,
            self.taken_down,
            self.page,
            self.outage,
            self.work,
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
        self._rang(self._instant(), self._whose())

    def _rang(self, came_at: datetime, customer: Customer | None, outage: Outage | None = None) -> None:
        who = [(by, person) for by in ("engineer", "recorder", "desk") for person in (*self.people, None)]
        answers = [(after, *one) for after in (3.0, 12.0, 12.5, 40.0) for one in who]
        after, by, person = self.random.choice([(None, "", None), (None, "", None), *answers])
        told = self.random.choice([False, False, False, True])
        answered_at = None if after is None else came_at + timedelta(seconds=after)
        row = Call.objects.create(
            id=uuid7(came_at), line=self.line, exchange="test", called=self.line.numbers[0], came_at=came_at,
            number=self.random.choice(["", "+441", "+442"]), customer=customer, answered_at=answered_at, answered_by=by,
            answered_person=person if by != "recorder" else None, ended_at=came_at + timedelta(minutes=2),
            ended_as="abandoned" if after is None else "done", heard_outage_at=came_at if told else None,
            outage_id=outage.pk if outage else None,
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
        self._opened(self._instant(), customer=self._whose())

    def _opened(self, opened_at: datetime, customer: Customer | None, outage: Outage | None = None) -> None:
        machine = outage is None and self.random.random() < 0.15
        self.numbered += 1
        row = Ticket.objects.create(
            id=uuid7(opened_at), brand=self.brand, number=self.numbered, kind="incident", title="t", impact="high",
            urgency="high", priority=2, trust="machine" if machine else "verified", came_by="mail", opened_at=opened_at,
            changed_at=opened_at, next_step="x", next_step_at=opened_at, team=self.random.choice([*self.teams, None]),
            customer=customer, outage=outage,
        )  # fmt: skip
        known = {
            "row": row,
            "at": opened_at,
            "machine": machine,
            "functional": False,
            "hierarchic": False,
            "passed": None,
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
        match self.random.choice(["answer", "resolve", "reopen", "escalate", "complain", "pass", "speak", "give"]):
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
            case "complain":
                known["hierarchic"] = True
                Escalation.objects.create(
                    ticket=row, manager_name="Mo", why="It takes long", at=later, answer_by=later + timedelta(hours=1)
                )
            case "pass":
                known["passed"] = self.random.choice([self.supplier, self.carrier])
                SupplierTicket.objects.create(
                    ticket=row, supplier_id=known["passed"], opened_at=self._later(), next_chase_at=later
                )
            case "speak":
                known["spoke"].append(later)
                self._entry(row, "message_in", later, {})
            case "give":
                row.team, row.customer = self.random.choice(self.teams), self.random.choice(self.customers)
        row.save()
        self._journal(("ticket", row.pk))

    def _later(self) -> datetime:
        """Later than whatever it was asked for before."""
        self.numbered += 1
        return START + timedelta(days=1, seconds=self.numbered)

    def _entry(self, row: Ticket, kind: str, at: datetime, facts: dict[str, Any]) -> None:
        Entry.objects.create(
            ticket=row, at=at, kind=kind, by_kind="person", by_id="1", by_name="Bo", via="web", facts=facts
        )

    def answer(self) -> None:
        free = [known for known in self.tickets if not hasattr(known["row"], "asked_what")]
        if not free:
            return
        known = self.random.choice(free)
        row = known["row"]
        row.asked_what = True
        asked_at, score = self._instant(), self.random.choice([None, 1, 3, 4, 5])
        team = self.random.choice(self.teams)
        Survey.objects.create(
            ticket=row, brand=self.brand, address="a@b.example", digest=str(row.pk), team=team, asked_at=asked_at, score=score,
            answered_at=asked_at if score else None,
        )  # fmt: skip
        self.surveys.append({"at": asked_at, "score": score, "team": team.pk, "ticket": row})
        self._journal(("ticket", row.pk))

    def message(self) -> None:
        taken_at = self._instant()
        due_at = taken_at + timedelta(minutes=30)
        reached = self.random.choice([None, due_at, due_at + timedelta(seconds=1), taken_at])
        ended = reached or self.random.choice([None, taken_at, due_at + timedelta(minutes=1)])
        who, customer = self.random.choice([*self.people, None]) if reached else None, self._whose()
        row = Message.objects.create(
            id=uuid7(taken_at), brand=self.brand, line=self.line, kind="message", taken_at=taken_at, call_back_by=due_at,
            reached_at=reached, ended_at=ended, reached_by=who, customer=customer,
        )  # fmt: skip
        self.messages.append(
            {"at": taken_at, "due": due_at, "reached": reached, "ended": ended, "customer": row.customer_id,
             "team": self.team_of[who.pk] if who else None}
        )  # fmt: skip
        self._journal(("message_left", row.pk))

    def _whose(self) -> Customer | None:
        return self.random.choice([*self.customers, None])

    def taken_down(self) -> None:
        """The bureau takes a message."""
        began_at, taker, customer = self._instant(), self.random.choice(self.people), self._whose()
        test, saved = self.random.random() < 0.1, self.random.random() < 0.9
        corrected = self.random.choice([0, 0, 1, 3])
        row = BureauMessage.objects.create(
            id=uuid7(began_at), client=self.client, number=len(self.taken) + 1, version=self.script, taker=taker, test=test,
            began_at=began_at, customer=customer, corrected=corrected, state="closed", saved_at=began_at if saved else None,
        )  # fmt: skip
        self.taken.append(
            {"at": began_at, "counts": saved and not test, "corrected": corrected > 0, "customer": row.customer_id,
             "team": self.team_of[taker.pk]}
        )  # fmt: skip
        self._journal(("bureau_message", row.pk))

    def page(self) -> None:
        started_at = self._instant()
        taken = self.random.choice([None, 0, 61, 4000])
        team, customer = self.random.choice([*self.teams, None]), self._whose()
        row = Page.objects.create(
            id=uuid7(started_at), brand=self.brand, code=f"P{self.brand.pk % 1000}{len(self.pages)}", priority=1, urgency="high",
            title="p", policy={}, rung=1, rings=1, started_at=started_at, rings_from=started_at, team=team,
            customer=customer, state="resolved", resolved_at=started_at + timedelta(hours=2),
            acknowledged_at=None if taken is None else started_at + timedelta(seconds=taken),
        )  # fmt: skip
        self.pages.append(
            {"at": started_at, "taken": taken, "team": team.pk if team else None, "customer": row.customer_id}
        )
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
        voice = self.random.choice([*self.people, None])
        row = Outage.objects.create(
            id=uuid7(began_at), brand=self.brand, number=len(self.down) + 1, title="o", severity="major", origin="person",
            state="resolved" if over_at else "investigating", began_at=began_at, proposed_at=began_at, confirmed_at=began_at,
            resolved_at=over_at, changed_at=began_at, voice=voice,
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
        said = self._updates(row, began_at)
        told = self._told_and_asked(row, began_at, {one.customer_id for one in hit})
        self.down.append(
            {
                "at": began_at,
                "over": over_at,
                "worked": worked if flaps else (began_at, began_at),
                "hit": [one.pk for one in hit],
                "customers": {one.customer_id for one in hit},
                "team": self.team_of[voice.pk] if voice else None,
                "said": said,
                "told": told,
            }
        )
        self._journal(("outage", row.pk))

    def _updates(self, outage: Outage, began_at: datetime) -> list[tuple[datetime, datetime | None]]:
        """(published, the next one promised by) of what is said of it, oldest first; the last promises nothing now and then."""
        said = []
        at = began_at
        for number in range(self.random.randrange(4)):
            at += timedelta(minutes=self.random.choice([5, 30, 31, 90]))
            next_at = self.random.choice([None, at + timedelta(minutes=30), at + timedelta(days=9)])
            Update.objects.create(
                outage=outage, number=number + 1, kind="update", state="investigating", texts={"en-gb": "x"}, written_at=at,
                written_by="Bo", written_by_id="1", approved_at=at, published_at=at, next_at=next_at,
            )  # fmt: skip
            said.append((at, next_at))
        return said

    def _told_and_asked(self, outage: Outage, began_at: datetime, customers: set[int]) -> dict[int, bool]:
        """Customer -> whether they were told before they asked, of those who were told or asked."""
        found = {}
        for contact in self.contacts:
            heard, spoke = (self.random.choice([None, began_at + timedelta(minutes=20)]) for _ in range(2))
            spoke = spoke and spoke + timedelta(minutes=self.random.choice([-10, 0, 10]))
            if heard:
                self._deliver(heard, contact, "contact", ("outage", outage.pk), "accepted")
            if spoke and self.random.random() < 0.5:
                self._opened(spoke, customer=contact.customer, outage=outage)
            elif spoke:
                self._rang(spoke, contact.customer, outage)
            if contact.customer_id in customers and (heard or spoke):
                found[contact.customer_id] = heard is not None and (spoke is None or heard <= spoke)
        return found

    def work(self) -> None:
        """Planned work takes something down; some of it goes on."""
        begun_at = self._instant().replace(second=0)
        begun_at -= timedelta(minutes=begun_at.minute % 10)
        ended_at = self.random.choice([None, begun_at + timedelta(minutes=self.random.randrange(10, 600, 50))])
        row = Work.objects.create(
            id=uuid7(begun_at), brand=self.brand, number=len(self.works) + 1, title="w", from_at=begun_at,
            until_at=begun_at + timedelta(hours=1), made_by="Bo", made_at=begun_at, begun_at=begun_at, ended_at=ended_at,
            changed_at=begun_at, state="completed" if ended_at else "in_progress",
        )  # fmt: skip
        hit = self.random.choice(self.subscriptions)
        reduced = self.random.random() < 0.2
        WorkTouched.objects.create(work=row, subscription=hit, customer=hit.customer, effect=1 if reduced else 3)
        self.works.append({"at": begun_at, "over": ended_at, "hit": [] if reduced else [hit.pk]})
        self._journal(("work", row.pk))

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

    def by_hand(self, first: date, last: date, dimension: str = "", value: str = "") -> dict[str, Any]:
        """The figures of these days, as somebody with a pencil would: (hits, cases), or what is measured, sorted. Of all that
        happened, or of what was one team's, shift's, customer's or supplier's.
        """

        def of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                row for row in rows
                if first <= local_day(row["at"]) <= last and (not dimension or value in self._whose_was(row, dimension))
            ]  # fmt: skip

        def share(rows: list[dict[str, Any]], does: Any) -> tuple[int, int]:
            return sum(bool(does(row)) for row in rows), len(rows)

        def soon(*by: str) -> Any:
            return lambda call: call["after"] is not None and call["after"] <= 12 and call["by"] in by

        asked = [call for call in of(self.calls) if not call["told"]]
        tickets = [known for known in of(self.tickets) if not known["machine"]]
        done = [known for known in tickets if known["done"] is not None]
        answered = [known for known in tickets if known["told"] is not None]
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
        people = ("engineer", "desk")
        promised = [kept for one in of(self.down) for kept in self._promises(one["said"])]
        told = [
            first_told
            for one in self.down
            for customer, first_told in one["told"].items()
            if of([{**one, "customers": {customer}}])
        ]
        return {
            "answered_12s": share(asked, soon(*people)),
            "answered_12s_recorder": share(asked, soon(*people, "recorder")),
            "answered_12s_engineer": share(asked, soon("engineer")),
            "answered_12s_patient": share([call for call in asked if call["after"] is not None], soon(*people)),
            "time_to_answer": sorted(int(1000 * call["after"]) for call in asked if call["by"] in people),
            "gave_up": share(asked, lambda call: call["after"] is None),
            "repeat_callers": self._repeat(of(self.calls)),
            "messages_corrected": share([one for one in of(self.taken) if one["counts"]], lambda one: one["corrected"]),
            "time_to_respond": sorted(_ms(known["at"], known["told"]) for known in answered),
            "time_to_resolve": sorted(_ms(known["at"], known["done"]) for known in done),
            "first_contact": (len(simple), len(done)),
            "escalated_functional": share(tickets, lambda known: known["functional"]),
            "escalated_hierarchic": share(tickets, lambda known: known["hierarchic"]),
            "reopened": share(
                [known for known in tickets if known["done"] or known["reopened"]], lambda known: known["reopened"]
            ),
            "call_backs_on_time": share(owed, lambda one: one["reached"] and one["reached"] <= one["due"]),
            "time_to_acknowledge": sorted(1000 * one["taken"] for one in of(self.pages) if one["taken"] is not None),
            "first_word": sorted(_ms(one["at"], one["said"][0][0]) for one in of(self.down) if one["said"]),
            "updates_on_time": (sum(promised), len(promised)),
            "told_before_asking": (sum(told), len(told)),
            "satisfaction": sorted(scores),
            "satisfied": (sum(score >= 4 for score in scores), len(scores)),
        }

    def messages_by_hand(self, first: date, last: date) -> dict[str, tuple[int, int]]:
        """Those of the providers: (hits, cases), and of the cost (millionths, hand-overs)."""
        states = [one["state"] for one in self.sent if first <= local_day(one["at"]) <= last]
        counted = [state for state in states if state != "superseded"]
        arrived = counted.count("delivered")
        return {
            "delivery_taken": (len(counted) - counted.count("failed"), len(counted)),
            "delivery_arrived": (arrived, arrived + counted.count("failed")),
            "delivery_cost": (35_000 * len(states), len(states)),
        }

    def woken_by_hand(self, first: date, last: date, dimension: str = "", value: str = "") -> int:
        """How many pages rang somebody in their night."""
        return sum(
            first <= evening <= last
            and (not dimension or value in (str(person), *self._whose_was({"team": self.team_of[person]}, dimension)))
            for person, _page, evening in self.woken
        )

    def _whose_was(self, row: dict[str, Any], dimension: str) -> set[str]:
        """Ids as text of the teams, customers and so on that it was of."""
        ticket = row.get("ticket") or row.get("row")
        team = row.get("team", ticket and ticket.team_id)
        match dimension:
            case "team":
                return {str(team or "")}
            case "shift":
                return {shift(row["at"])}
            case "customer" if "customers" in row:
                return {str(customer) for customer in row["customers"]}
            case "customer":
                return {str(row.get("customer", ticket and ticket.customer_id) or "")}
            case "supplier":
                return {str(self.supplier if team == self.teams[1].pk else row.get("passed") or "")}
        return set()

    def _promises(self, said: list[tuple[datetime, datetime | None]]) -> list[bool]:
        """Of each promise of a next word that has fallen due, or was replaced by one, whether it was kept."""
        found = []
        for (_at, promised), follows in zip_longest(said, said[1:]):
            if promised and follows and follows[0] <= promised:
                found.append(True)
            elif promised and promised <= self.at:
                found.append(False)
        return found

    def _repeat(self, rows: list[dict[str, Any]]) -> tuple[int, int]:
        shown = [row for row in rows if row["number"]]
        again = [
            row for row in shown
            if any(other["number"] == row["number"] and timedelta() < row["at"] - other["at"] <= timedelta(days=1)
                   for other in self.calls)
        ]  # fmt: skip
        return len(again), len(shown)

    def lost(self, first: date, last: date, customer: int | None = None) -> tuple[int, int]:
        """Pieces of ten minutes, each of each subscription once: lost outside planned work, and in all. All begin and end on
        that grid.
        """
        since, until = self._from(first), self._from(last + timedelta(days=1))
        theirs = {one.pk for one in self.subscriptions if customer in (None, one.customer_id)}

        def pieces(rows: list[dict[str, Any]]) -> set[tuple[int, datetime]]:
            found = set()
            for one in rows:
                piece = max(one["at"], since)
                stopped, again = one.get("worked", (piece, piece))
                while piece < min(one["over"] or self.at, until, self.at):
                    if not stopped <= piece < again:
                        found |= {
                            (sub, piece) for sub in theirs.intersection(one["hit"])
                            if self.made_at.get(sub, piece) <= piece < self.ended_at.get(sub, self.at)
                        }  # fmt: skip
                    piece += timedelta(minutes=10)
            return found

        broken, planned = pieces(self.down), pieces(self.works)
        return len(broken - planned), len(broken | planned)

    def _from(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), ZONE).astimezone(UTC)

    def bought(self, first: date, last: date, customer: int | None = None) -> int:
        """Pieces of ten minutes in which each subscription ran, from the first day on that anything happened."""
        since, until = self._from(max(first, self._first_day())), self._from(last + timedelta(days=1))
        theirs = [one for one in self.subscriptions if customer in (None, one.customer_id)]
        ran, piece = 0, since
        while piece < min(until, self.at):
            ran += sum(self.made_at.get(one.pk, piece) <= piece < self.ended_at.get(one.pk, self.at) for one in theirs)
            piece += timedelta(minutes=10)
        return ran

    def _first_day(self) -> date:
        happened = (self.calls, self.messages, self.taken, self.pages, self.down, self.works, self.tickets)
        return min(local_day(one["at"]) for rows in happened for one in rows)


def _ms(start: datetime, end: datetime) -> int:
    return (end - start) // timedelta(milliseconds=1)
