"""Quayside's phone line: how it is set, telephones, and the calls of a day and a night, gone through by the flow itself."""

import heapq
import io
import wave
from array import array
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import pi, sin
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.files import keep_file
from nightdesk.base.ids import uuid7
from nightdesk.base.promises import void_promises
from nightdesk.calls import actions, flow, running
from nightdesk.calls.callers import who_has_number
from nightdesk.calls.line_actions import LineWanted, save_line, save_telephone
from nightdesk.calls.models import Call, CallEvent, Leg, Line, Message
from nightdesk.calls.stored import state_as_json
from nightdesk.calls.terms import State
from nightdesk.customers.models import Hours
from nightdesk.demo_outages import Sent
from nightdesk.lines import exchange
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person

NUMBER, STAFF_NUMBER, PAGER_NUMBER = "+442079460900", "+442079460901", "+442079460909"
HARBOUR, SURGERY, NORDKAI, STRANGER = "+442079460100", "+442079460101", "+442079460104", "+442079460555"
ZONE = ZoneInfo("Europe/London")


def ring_up(brand: Brand, at: datetime, sent: Sent) -> None:
    """The line is set, people have telephones, and the last day and night have been on the phone."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    wanted = LineWanted(
        name="Support",
        numbers=[NUMBER],
        shown_number=NUMBER,
        pager_number=PAGER_NUMBER,
        staff_number=STAFF_NUMBER,
        hours_id=Hours.objects.get(brand=brand, name="Extended hours").pk,
        greeting="Quayside Networks. You have reached the people who run your line.",
        day_seats=["desk", "night", "backup"],
        night_seats=["night", "backup"],
        call_out_price="95 pounds an hour, ex VAT",
    )
    line = save_line(brand_id=brand.pk, wanted=wanted, **doing)
    people = {name: Person.objects.get(name=name) for name in ("Amara Okafor", "Jonas Weber", "Mikael Lind")}
    for name, label in (("Amara Okafor", "at home"), ("Jonas Weber", "at home"), ("Mikael Lind", "the desk")):
        phone = name.split()[0].lower()
        save_telephone(brand_id=brand.pk, name=phone, label=label, person_id=people[name].pk, **doing)
    by_day = _local(at, 15, 10, workday=True)
    _was_answered(line, HARBOUR, by_day, people["Mikael Lind"], "mikael")
    _Played(line, STRANGER, by_day + timedelta(minutes=22), patience_s=3).until_over()
    _Played(line, NORDKAI, _local(at, 2, 20)).until_over()
    night = _Played(line, SURGERY, _local(at, 2, 41), speaks_s=6).until_over()
    _ring_back(night, people["Amara Okafor"], at, sent)
    harbour = who_has_number(brand.pk, HARBOUR)
    waits = actions.leave_message(
        brand_id=brand.pk,
        line_id=line.pk,
        number=HARBOUR,
        customer_id=harbour.customer.pk if harbour.customer is not None else None,
        contact_id=harbour.contact.pk if harbour.contact is not None else None,
        text="The phones at our second desk are silent since the morning. Please ring Dilys in the office.",
        taken_by="Message desk",
        wakes=False,
        **doing | {"at": at - timedelta(minutes=12)},
    )
    if waits.ticket_id is not None:
        sent("ticket", waits.ticket_id, at)


def _local(at: datetime, hour: int, minute: int, *, workday: bool = False) -> datetime:
    """The last time that the clocks of the place showed that, an hour ago or more; `workday`: from Monday to Friday."""
    then = datetime.combine(at.astimezone(ZONE).date(), time(hour, minute), ZONE)
    while then > at - timedelta(hours=1) or (workday and then.weekday() > 4):
        then -= timedelta(days=1)
    return then


def _was_answered(line: Line, number: str, at: datetime, person: Person, phone: str) -> None:
    """A call of the day before the company's duties are on record, so that the flow could not say who had them."""
    who = who_has_number(line.brand_id, number)
    picked_up_at, ended_at = at + timedelta(seconds=7), at + timedelta(minutes=4)
    call = Call.objects.create(
        id=uuid7(at), line=line, exchange="demo", number=number, called=NUMBER, came_at=at, step=3,
        customer=who.customer, contact=who.contact, known_by=who.known_by, answered_at=picked_up_at,
        answered_by="engineer", answered_person=person, ended_at=ended_at, ended_as="answered",
        state=state_as_json(State("over")),
    )  # fmt: skip
    leg = {"call": call, "name": "e1", "to": phone, "person": person, "ordered_at": at, "why": "hung_up"}
    Leg.objects.create(
        ringing_at=at + timedelta(seconds=1),
        picked_up_at=picked_up_at,
        accepted_at=picked_up_at,
        ended_at=ended_at,
        **leg,
    )
    story = (
        (at, "They are known by their number. It is within the line's hours: the queue is rung."),
        (picked_up_at, f"{person.name} picked up, and has the caller."),
        (ended_at, "They rang off."),
    )
    for number_, (when, why) in enumerate(story, start=1):
        CallEvent.objects.create(call=call, number=number_, at=when, event={}, why=[why])


def _ring_back(call: Call, person: Person, at: datetime, sent: Sent) -> None:
    """What was left at night was rung back within the half hour; nothing of it is sent now."""
    for message in Message.objects.filter(call=call):
        doing: dict[str, Any] = {"by": actor_of_person(person.pk), "via": Door.PHONE}
        for kind, row_id in (("page", message.page_id), ("ticket", message.ticket_id)):
            if row_id is not None:
                sent(kind, row_id, message.taken_at)
        reached_at = message.taken_at + timedelta(minutes=11)
        actions.note_reached(message_id=message.pk, person_id=person.pk, **doing | {"by": SCHEDULER, "at": reached_at})
        actions.note_outcome(
            message_id=message.pk,
            outcome="Their router had lost its power supply; it is on the spare now.",
            **doing | {"at": reached_at + timedelta(minutes=9)},
        )
        for kind, row_id in (("page", message.page_id), ("ticket", message.ticket_id)):
            if row_id is not None:
                sent(kind, row_id, at)
                void_promises((kind, row_id), at=at)


@dataclass
class _Played:
    """A call gone through as an exchange would report it; nobody of ours picks up."""

    line: Line
    number: str
    at: datetime
    speaks_s: float = 0
    patience_s: float = 300

    def until_over(self) -> Call:
        """The call, once everybody has rung off."""
        self.call_id = uuid7(self.at)
        self.coming: list[tuple[datetime, int, exchange.Event]] = []
        self.gone: set[str] = set()
        self.number_of_events = 0
        came = exchange.Came("caller", self.line.numbers[0], self.number)
        self._after(self.patience_s, exchange.Gone("caller", "hung_up"))
        done = running.take_call(exchange="demo", came=came, at=self.at, call_id=self.call_id)
        for _event in range(200):
            for order in done.orders:
                self._carry_out(order)
            timer = min(((due_at, name) for name, due_at in done.timers.items()), default=None)
            if done.over or not (timer or self.coming):
                break
            event: Any
            if timer is not None and (not self.coming or timer[0] <= self.coming[0][0]):
                self.at, event = max(self.at, timer[0]), flow.Due(timer[1])
            else:
                self.at, _number, event = heapq.heappop(self.coming)
            if getattr(event, "leg", "") in self.gone:
                continue
            if isinstance(event, exchange.Gone):
                self.gone.add(event.leg)
            done = running.hear_event(call_id=self.call_id, event=event, at=self.at)
        return Call.objects.get(pk=self.call_id)

    def _after(self, seconds: float, event: exchange.Event) -> None:
        self.number_of_events += 1
        heapq.heappush(self.coming, (self.at + timedelta(seconds=seconds), self.number_of_events, event))

    def _carry_out(self, order: exchange.Order | exchange.FallBack) -> None:
        match order:
            case exchange.Say(leg, name, words):
                lasts = sum(len(each.text) for each in words) / 15
                self._after(lasts, exchange.Said(leg, name))
            case exchange.Ring(leg):
                self._after(0.4, exchange.Ringing(leg))
            case exchange.Record(leg, name):
                file = keep_file(_hum(self.speaks_s)) if self.speaks_s else ""
                self._after(self.speaks_s + 1, exchange.Recorded(leg, name, file, self.speaks_s, self.speaks_s, "key"))
                self._after(self.speaks_s + 12, exchange.Gone("caller", "hung_up"))
            case exchange.HangUp(leg):
                self._after(0.1, exchange.Gone(leg, "ordered"))


def _hum(seconds: float) -> bytes:
    """So long of something that goes up and down, as a voice would: nobody of the demo has one."""
    made = io.BytesIO()
    count = int(seconds * 8000)
    samples = array("h", (int(4000 * sin(n * pi * 2 * (180 + 40 * sin(n / 1900)) / 8000)) for n in range(count)))
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return made.getvalue()
