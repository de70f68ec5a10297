"""A small provider whose line is rung: people, telephones, lines, customers, made by the verbs, in the real present."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.access import actions as access
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.calls.models import Call, CallEvent, Line, Message, Telephone
from nightdesk.calls.stored import order_from
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact, Customer
from nightdesk.duty import actions as duty
from nightdesk.lines.exchange import Words
from nightdesk.lines.speech import Speech
from nightdesk.outages import actions as outages
from nightdesk.outages import part_actions as parts
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage
from nightdesk.outages.needs_text import Wanted
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.rota import actions as rota
from tests.phone.telephone import read_wav
from tests.system.stack import until

MAIN_NUMBER = "+442079460000"
STAFF_NUMBER = "+442079460009"
FALLBACK_NUMBER = "+442079460005"
SPEED = 250
"""Words a minute that the line speaks here: its longest text is over in some seconds."""
ALWAYS = [[["00:00", "24:00"]]] * 7


class Company:
    """See the module. `doing` is who does it and when."""

    def __init__(self) -> None:
        self.brand = access.make_brand(name="Quayside", slug="quayside", **self.doing)
        self.hours = customers.make_hours(
            brand_id=self.brand.id, fields={"name": "Always", "zone": "Europe/London", "week": ALWAYS}, **self.doing
        )

    @property
    def doing(self) -> dict[str, Any]:
        return {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}

    def engineer(self, name: str, *, telephone: str = "", mobile: str = "") -> Person:
        """Somebody who is rung on a telephone that registers here, or outside."""
        email = f"{name.lower()}@quayside.example"
        user = access.make_user(
            email=email, name=name, password="correct horse battery", brand_id=self.brand.id, **self.doing
        )
        access.grant_role(user_id=user.id, role="engineer", brand_id=self.brand.id, **self.doing)
        made = people.make_person(name=name, user_id=user.id, brand_id=self.brand.id, **self.doing)
        if telephone:
            Telephone.objects.create(person=made, brand=self.brand, name=telephone)
        if mobile:
            method = people.add_contact_method(person_id=made.id, channel="voice", address=mobile, **self.doing)
            people.confirm_contact_method(method_id=method.id, **self.doing)
        return made

    def line(self, engineers: Sequence[Person], **differs: Any) -> Line:
        """A line that is open round the clock, and rings the engineers in their order, the next one after 2 s, all after 4."""
        keys = [f"seat-{person.id}" for person in engineers]
        if keys:
            rota.make_rota(
                brand_id=self.brand.id,
                name="Day",
                zone="Europe/London",
                seats=[{"key": key, "name": key, "acceptance_required": False} for key in keys],
                **self.doing,
            )
        for key, person in zip(keys, engineers, strict=True):
            duty.set_first_holder(seat_key=key, person_id=person.id, **self.doing)
        fields = {
            "name": "Main",
            "numbers": [MAIN_NUMBER],
            "shown_number": MAIN_NUMBER,
            "pager_number": "+442079460001",
            "staff_number": STAFF_NUMBER,
            "greeting": "Quayside.",
            "danger": "In danger, ring 9 9 9.",
            "day_seats": keys,
            "night_seats": keys,
            "joins_s": [2, 4],
            "ring_s": 10,
            "longest_hunt_s": 30,
        }
        return Line.objects.create(brand=self.brand, **(fields | differs))

    def customer(self, name: str, phone: str) -> Customer:
        """A company whose one contact rings from that number."""
        made = customers.make_customer(brand_id=self.brand.id, name=name, ref=name.upper(), **self.doing)
        contact = customers.make_contact(
            customer_id=made.id, name=f"Ann of {name}", email=f"ann@{name.lower()}.example", **self.doing
        )
        Contact.objects.filter(pk=contact.pk).update(phone=phone)
        customers.make_contract(
            customer_id=made.id,
            name="Round the clock",
            hours_id=self.hours.id,
            valid_from=date(2020, 1, 1),
            targets={},
            **self.doing,
        )
        return made

    def outage(self, *customers_hit: Customer, text: str) -> Outage:
        """An open one, of which something has been said, and which touches what they buy."""
        part = parts.save_part(
            brand_id=self.brand.id,
            key="dock-sw2",
            name="Switch 2",
            kind="device",
            public_name="Dock Street",
            **self.doing,
        )
        line = customers.make_service(brand_id=self.brand.id, key="line", name="Internet line", **self.doing)
        for hit in customers_hit:
            bought = customers.make_subscription(customer_id=hit.id, service_id=line.id, label="L-1", **self.doing)
            parts.save_needs(owner=("subscription", bought.pk), needs=[Wanted(("dock-sw2",))], **self.doing)
        made = outages.propose_outage(
            brand_id=self.brand.id, title="Switch is down", parts={part.pk: int(Effect.DOWN)}, **self.doing
        )
        outages.confirm_outage(outage_id=made.pk, **self.doing)
        outages.write_update(outage_id=made.pk, state="investigating", texts={"en-gb": text}, **self.doing)
        return Outage.objects.get(pk=made.pk)

    def call(self, number: str = "") -> Call:
        """The newest call, of that number; once it is there."""
        rows = Call.objects.filter(**({"number": number} if number else {})).order_by("-came_at")
        found: Call = until(rows.first, 20, f"a call from {number} is there")
        return found

    def ended(self, call: Call, seconds: float = 30) -> Call:
        """The call, once it has ended."""
        until(
            lambda: Call.objects.filter(pk=call.pk).exclude(ended_at=None).exists(),
            seconds,
            f"ends: {self.story(call)}",
        )
        call.refresh_from_db()
        return call

    def reaches(self, call: Call, stage: str, seconds: float = 30) -> None:
        """Wait until the call is there."""
        until(
            lambda: Call.objects.filter(pk=call.pk, state__stage=stage).exists(),
            seconds,
            f"{stage}: {self.story(call)}",
        )

    def until_so(self, call: Call, so: Callable[[Call], object], what: str, seconds: float = 20) -> None:
        """Wait until `so` of the call as it is then."""
        until(lambda: so(Call.objects.get(pk=call.pk)), seconds, f"{what}: {self.story(call)}")

    def asks_for_key(self, call: Call, leg: str) -> None:
        """Wait until whoever picked that leg up is asked to press a key."""
        self.until_so(call, lambda now: now.state["legs"].get(leg) == "asked", f"{leg} is asked")

    def are_in_talk(self, call: Call, count: int) -> None:
        """Wait until so many are joined."""
        self.until_so(call, lambda now: list(now.state["legs"].values()).count("up") == count, f"{count} are joined")

    def caller_hears(self, call: Call, what: str) -> None:
        """Wait until it is ordered: "music", or "bridge" for whoever else is joined."""
        self.until_so(call, lambda now: now.state["memory"].get("hears", {}).get("what") == what, f"hears {what}")

    def records(self, call: Call, spool: Path) -> None:
        """Wait until what the caller says is kept: the tone is over."""
        self.until_so(call, lambda now: now.state["memory"].get("hears", {}).get("what") == "recording", "it records")
        until(lambda: [file for file in spool.glob(f"{call.pk}.*") if file.stat().st_size > 44], 10, "sound is kept")

    def words_said(self, call: Call, leg: str = "caller") -> list[Words]:
        """All that the leg was to hear, in its order."""
        orders = [order for row in CallEvent.objects.filter(call=call).order_by("number") for order in row.orders]
        said = [order_from(order) for order in orders if order["is"] == "Say"]
        return [words for order in said if order.leg == leg for words in order.words]

    def says(self, call: Call, text: str, leg: str = "caller") -> None:
        """Wait until the leg is to hear that."""
        self.until_so(
            call, lambda now: any(text in words.text for words in self.words_said(now, leg)), f"says {text!r}"
        )

    def hears_out(self, call: Call) -> None:
        """Wait until every leg has heard all that it was to hear."""
        self.until_so(call, self._is_silent, "all is said")

    def _is_silent(self, call: Call) -> bool:
        rows = list(CallEvent.objects.filter(call=call).order_by("number"))
        last = {order["leg"]: order["name"] for row in rows for order in row.orders if order["is"] == "Say"}
        heard = {(row.event["leg"], row.event["name"]) for row in rows if row.event["is"] == "Said"}
        return set(last.items()) <= heard

    def spoken(self, words: Words) -> NDArray[np.int16]:
        """The sound that was made of the words."""
        return read_wav(Speech(speed=SPEED).place_of(words).read_bytes())

    def story(self, call: Call) -> list[Any]:
        """What was heard and ordered, for a test that fails."""
        rows = CallEvent.objects.filter(call=call).order_by("number")
        return [(row.number, row.event, row.why, row.trouble) for row in rows]

    def troubles(self) -> list[str]:
        """What could not be understood of any call."""
        return list(CallEvent.objects.exclude(trouble="").values_list("trouble", flat=True))

    def message(self, seconds: float = 30) -> Message:
        """What was left, once it is there."""
        found: Message = until(Message.objects.order_by("-taken_at").first, seconds, "a message is there")
        return found
