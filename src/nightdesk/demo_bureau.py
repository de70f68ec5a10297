"""The bureau of the demo company: it answers for itself, and for a dentist who has no Nightdesk, all made through the verbs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.calls import bureau_actions as bureau
from nightdesk.calls import client_actions as clients
from nightdesk.calls import scripts
from nightdesk.calls.bureau_models import BureauClient, BureauMessage, ScriptVersion
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person

OPERATOR = ("Ola Brandt", "ola@bureau.example", "+447700900106")
DENTIST = ("Fern Adeyemi", "+447700900121")
NIGHT_STEPS = (
    scripts.Step("name", "name", "Name", "May I have your name, please? Could you spell the surname?"),
    scripts.Step("number", "number", "Number to call back", "On which number can we reach you? I read it back to you."),
    scripts.Step("account", "account", "Account", "Do you have your customer number at hand?", required=False),
    scripts.Step("what", "text", "What is wrong", "What has stopped working, and since when?"),
    scripts.Step("whom", "choice", "Who notices it", "Is it you alone, or everybody?", choices=("one person", "everybody")),
    scripts.Step("urgency", "urgency", "Urgency", "Does it stop your work now, or can it wait until the morning?"),
    scripts.Step("promise", "say", "Promise", "Thank you. I pass it on now, and an engineer rings you back.", required=False),
)  # fmt: skip
DENTIST_STEPS = (
    scripts.Step("name", "name", "Name", "May I have your name, please?"),
    scripts.Step("number", "number", "Number to call back", "On which number can we reach you?"),
    scripts.Step("pain", "choice", "Pain", "Are you in pain now?", choices=("yes", "no")),
    scripts.Step("since", "text", "Since when", "Since when, and have you taken anything?", only_if=("pain", "yes")),
    scripts.Step("urgency", "urgency", "Urgency", "Can it wait until the practice opens?"),
)
LATER = ("Tom Hale", "020 7946 0113", "Wants his new telephone set up; nothing is broken.", "normal")
"""What woke nobody: the demo begins in a quiet hour."""


class Night:
    """The people of the story, and the hour at which their evening begins."""

    def __init__(self, brand: Brand, at: datetime, password: str) -> None:
        self.brand, self.at = brand, at
        self.doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
        self.pier = access.make_brand(name="Pier Dental", slug="pier-dental", **self.doing)
        self.operator = self._operator(password)

    def _operator(self, password: str) -> Person:
        name, email, phone = OPERATOR
        user = access.make_user(email=email, name=name, password=password, brand_id=self.brand.pk, **self.doing)
        for brand in (self.brand, self.pier):
            access.grant_role(user_id=user.pk, role="bureau", brand_id=brand.pk, **self.doing)
        person = people.make_person(name=name, user_id=user.pk, brand_id=self.brand.pk, **self.doing)
        method = people.add_contact_method(person_id=person.pk, channel="voice", address=phone, **self.doing)
        people.confirm_contact_method(method_id=method.pk, **self.doing)
        return person

    def by_operator(self, at: datetime | None = None) -> dict[str, Any]:
        """By, via and at of what the operator does."""
        return {"by": actor_of_person(self.operator.pk), "via": Door.WEB, "at": at or self.at}

    def dentist(self) -> None:
        """The one who is on call for the practice, with a telephone that is proved to be hers."""
        name, phone = DENTIST
        person = people.make_person(name=name, brand_id=self.pier.pk, **self.doing)
        team = people.make_team(brand_id=self.pier.pk, name="Practice", **self.doing)
        people.set_team_members(team_id=team.pk, person_ids=[person.pk], manager_id=None, **self.doing)
        method = people.add_contact_method(person_id=person.pk, channel="sms", address=phone, **self.doing)
        people.confirm_contact_method(method_id=method.pk, **self.doing)

    def client(
        self, brand: Brand, greeting: str, steps: tuple[scripts.Step, ...], may_say: str, **how: Any
    ) -> BureauClient:
        """A client whose script was tried and approved."""
        made = clients.save_bureau_client(brand_id=brand.pk, **how, **self.doing)
        script = made.scripts.get()
        version = clients.save_script(
            client_id=made.pk,
            script_id=script.pk,
            name=script.name,
            greeting=greeting,
            steps=[step.as_json() for step in steps],
            may_say=may_say,
            instructions="In danger: they ring 999 or 112, not us. Say so, and take no message before they have.",
            why="In our own words",
            **self.doing,
        )
        self._try(version)
        clients.approve_script(script_id=script.pk, number=version.number, **self.doing)
        return made

    def _try(self, version: ScriptVersion) -> None:
        row = bureau.open_bureau_message(
            client_id=version.script.client_id, version_id=version.pk, **self.by_operator()
        )
        for step in scripts.steps_from(version.steps):
            value = {
                "number": "020 7946 0000",
                "urgency": "normal",
                "choice": step.choices[-1] if step.choices else "",
            }.get(step.kind, "A test")
            bureau.answer_step(
                message_id=row.pk, key=step.key, value=value, sure=step.kind in ("say", "number"), **self.by_operator()
            )
        bureau.save_bureau_message(message_id=row.pk, **self.by_operator())

    def take(
        self, client: BureauClient, at: datetime, name: str, number: str, what: str, urgency: str
    ) -> BureauMessage:
        """A call that is over."""
        doing = self.by_operator(at)
        row = bureau.open_bureau_message(client_id=client.pk, caller_number=number, **doing)
        said = {"name": name, "what": what, "since": what, "urgency": urgency, "whom": "everybody", "pain": "yes"}
        for step in scripts.steps_from(row.version.steps):
            sure = step.kind in ("say", "number")
            value = number if step.kind == "number" else said.get(step.key, "")
            if value or sure:
                bureau.answer_step(message_id=row.pk, key=step.key, value=value, sure=sure, **doing)
        bureau.save_bureau_message(message_id=row.pk, **doing)
        bureau.wrap_up_bureau_message(message_id=row.pk, outcome="message", **doing)
        return row


def open_bureau(brand: Brand, at: datetime, password: str, as_if_sent: Callable[[str, UUID, datetime], None]) -> None:
    """Clients, scripts and a night's messages as they stand at `at`."""
    night = Night(brand, at - timedelta(hours=3), password)
    night.dentist()
    may_say = "We answer at any hour. An engineer rings back within half an hour where the contract says so."
    ours = night.client(
        brand, f"{brand.name}, good evening, this is the night desk. How can I help?", NIGHT_STEPS, may_say
    )
    theirs = night.client(
        night.pier,
        "Pier Dental, good evening. I am not a dentist; I take your message. How can I help?",
        DENTIST_STEPS,
        "The practice opens at nine. For bleeding that does not stop: 999.",
        relay="own",
    )
    name, phone = DENTIST
    rungs = [
        {"name": name, "channel": "sms", "address": phone, "wait_s": 600},
        {"name": "Practice mailbox", "channel": "email", "address": "desk@pier-dental.example", "wait_s": 600},
    ]
    clients.set_bureau_ladder(client_id=theirs.pk, rungs=rungs, **night.doing)
    clients.set_note_of_the_day(
        client_id=ours.pk,
        text="The carrier works at Dock Street until two. Short breaks there are known: say so.",
        until=at + timedelta(hours=6),
        **night.doing,
    )
    night.take(ours, at - timedelta(minutes=70), *LATER)
    row = night.take(theirs, at - timedelta(minutes=35), "Joan Pike", "020 7946 0188", "Since Tuesday.", "urgent")
    dentist = Person.objects.get(name=name)
    bureau.acknowledge_bureau_message(
        message_id=row.pk, by=actor_of_person(dentist.pk), via=Door.SMS, at=at - timedelta(minutes=31)
    )
    as_if_sent("bureau_message", row.pk, at - timedelta(minutes=35))
    clients.save_script(
        client_id=ours.pk,
        name="Bank holidays",
        greeting=f"{brand.name}, good day. Today is a holiday, and the night desk answers. How can I help?",
        steps=[step.as_json() for step in NIGHT_STEPS],
        when=scripts.When(first_day=at.date() + timedelta(days=20), last_day=at.date() + timedelta(days=23)).as_json(),
        why="Christmas",
        **night.doing,
    )
