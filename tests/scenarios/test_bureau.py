"""The bureau: a call by its script, the message on its ladder until somebody has it, and what an operator never sees."""

import re
from datetime import time, timedelta
from typing import Any

import pytest

from nightdesk.access import actions as access
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.calls import bureau_actions as bureau
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls import client_actions as clients
from nightdesk.calls import scripts
from nightdesk.calls.asking_actions import hold_call
from nightdesk.calls.bureau_models import BureauClient, BureauMessage, ScriptVersion
from nightdesk.calls.models import Asking, Call, Line
from nightdesk.calls.stored import state_as_json
from nightdesk.calls.terms import State
from nightdesk.channels.models import Delivery
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Contact
from nightdesk.desk.models import Ticket
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.paging.models import Page
from nightdesk.people import actions as people
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from tests.world import Phone, World

CALLER = "020 7946 0018"
SHORT = [
    {"key": "name", "kind": "name", "label": "Name", "says": "Your name, please?"},
    {"key": "number", "kind": "number", "label": "Number"},
    {"key": "account", "kind": "account", "label": "Account", "required": False},
    {"key": "what", "kind": "text", "label": "What is wrong"},
    {"key": "urgency", "kind": "urgency", "label": "Urgency"},
]


class Bureau:
    """Ola takes messages for the world's own company and for Pier Dental, which has no Nightdesk."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.bo, self.al = here.person("Bo"), here.person("Al")
        here.seat("night", self.bo)
        here.escalate((0, "night"), (10, self.al))
        self.pier = access.make_brand(name="Pier Dental", slug="pier", **here.doing)
        self.ola = self.operator("Ola", here.brand, self.pier)
        self.ours = self.client(here.brand)
        self.theirs = self.client(self.pier, relay="own", again_s=600)
        self.dee, self.dee_phone = self.of_pier("Dee", "+447700900501")
        self.eve, self.eve_phone = self.of_pier("Eve", "+447700900502")
        self.ladder(self.dee, self.eve)
        here.run_due()

    def operator(self, name: str, *brands: Brand) -> Person:
        """Somebody who takes messages for these brands and has no other role."""
        user = access.make_user(email=f"{name.lower()}@bureau.example", name=name, **self.here.doing)
        for brand in brands:
            access.grant_role(user_id=user.pk, role="bureau", brand_id=brand.pk, **self.here.doing)
        made = people.make_person(name=name, user_id=user.pk, brand_id=self.here.brand.pk, **self.here.doing)
        bureau.sign_in_taker(**self.by(made))
        return made

    def by(self, person: Person) -> dict[str, Any]:
        return self.here.doing | {"by": actor_of_person(person.pk)}

    @property
    def as_ola(self) -> dict[str, Any]:
        return self.by(self.ola)

    def client(self, brand: Brand, **how: Any) -> BureauClient:
        """A client whose one script was tried by Ola and approved."""
        made = clients.save_bureau_client(brand_id=brand.pk, **how, **self.here.doing)
        script = made.scripts.get()
        version = clients.save_script(
            client_id=made.pk,
            script_id=script.pk,
            name=script.name,
            greeting=f"{brand.name}, good evening",
            steps=SHORT,
            **self.here.doing,
        )
        self.approve(version)
        return made

    def approve(self, version: ScriptVersion) -> None:
        self.test_call(version)
        clients.approve_script(script_id=version.script_id, number=version.number, **self.here.doing)

    def test_call(self, version: ScriptVersion) -> BureauMessage:
        row = bureau.open_bureau_message(client_id=version.script.client_id, version_id=version.pk, **self.as_ola)
        return self.fill(row)

    def of_pier(self, name: str, number: str) -> tuple[Person, Phone]:
        """Somebody of Pier Dental's, with a telephone that is proved to be theirs."""
        somebody = people.make_person(name=name, brand_id=self.pier.pk, **self.here.doing)
        team = people.make_team(brand_id=self.pier.pk, name=name, **self.here.doing)
        people.set_team_members(team_id=team.pk, person_ids=[somebody.pk], manager_id=None, **self.here.doing)
        method = people.add_contact_method(person_id=somebody.pk, channel="sms", address=number, **self.here.doing)
        people.confirm_contact_method(method_id=method.pk, **self.here.doing)
        self.here.phones[number] = Phone(name)
        return somebody, self.here.phones[number]

    def ladder(self, *rungs: Person | dict[str, Any]) -> None:
        told = [
            rung if isinstance(rung, dict) else {"method_id": rung.contact_methods.get().pk, "wait_s": 300}
            for rung in rungs
        ]
        clients.set_bureau_ladder(client_id=self.theirs.pk, rungs=told, **self.here.doing)

    def begin(self, client: BureauClient) -> BureauMessage:
        return bureau.open_bureau_message(client_id=client.pk, **self.as_ola)

    def say(self, row: BureauMessage, key: str, value: str = "", **how: Any) -> BureauMessage:
        return bureau.answer_step(message_id=row.pk, key=key, value=value, **how, **self.as_ola)

    def fill(
        self, row: BureauMessage, *, urgency: str = "urgent", what: str = "The server room is wet"
    ) -> BureauMessage:
        self.say(row, "name", "Kim Lee")
        self.say(row, "number", CALLER, sure=True)
        self.say(row, "what", what)
        self.say(row, "urgency", urgency)
        saved = bureau.save_bureau_message(message_id=row.pk, **self.as_ola)
        self.here.run_due()
        return saved

    def take(self, client: BureauClient, **how: str) -> BureauMessage:
        """A call is taken down and handed on."""
        return self.fill(self.begin(client), **how)

    def again(self, row: BureauMessage) -> BureauMessage:
        return BureauMessage.objects.get(pk=row.pk)

    def replies(self, person: Person, row: BureauMessage) -> str:
        """They answer the text that they were sent."""
        from nightdesk.channels.actions import take_answer

        delivery = Delivery.objects.filter(
            subject_kind="bureau_message", subject_id=str(row.pk), recipient_id=str(person.pk)
        ).latest("created_at")
        return take_answer(delivery_id=delivery.pk, month=delivery.month, verb="acknowledge", **self.by(person))


@pytest.fixture
def desk(world: World) -> Bureau:
    return Bureau(world)


# --- By the script ---------------------------------------------------------------------------------------------------


def test_the_greeting_stands_before_the_operator_when_the_call_is_taken_and_the_steps_come_in_order(
    desk: Bureau,
) -> None:
    row = desk.begin(desk.ours)
    assert row.version.greeting == "Quayside, good evening"
    asked = []
    for key, value, sure in (
        ("name", "Kim", False), ("number", CALLER, True), ("account", "", False), ("what", "Wet", False),
        ("urgency", "normal", False),
    ):  # fmt: skip
        row = desk.again(row)
        asked.append(scripts.next_step(queries.steps_of(row), queries.answers_of(row)).key)  # type: ignore[union-attr]
        desk.say(row, key, value, sure=sure, skipped=key == "account")
    assert asked == ["name", "number", "account", "what", "urgency"]
    row = desk.again(row)
    assert scripts.next_step(queries.steps_of(row), queries.answers_of(row)) is None


def test_a_number_is_not_taken_down_before_it_was_read_back(desk: Bureau) -> None:
    row = desk.begin(desk.ours)
    desk.say(row, "name", "Kim")
    desk.say(row, "what", "Wet")
    desk.say(row, "urgency", "urgent")
    desk.say(row, "number", CALLER)
    with pytest.raises(Invalid, match="read back"):
        bureau.save_bureau_message(message_id=row.pk, **desk.as_ola)
    with pytest.raises(Invalid, match="too short"):
        desk.say(row, "number", "999")
    desk.say(row, "number", "020 7946 0019", sure=True)
    assert desk.again(row).answers["number"]["value"] == "+442079460019"
    saved = bureau.save_bureau_message(message_id=row.pk, **desk.as_ola)
    assert saved.saved_at is not None
    desk.here.run_due()
    desk.here.phone(desk.bo).got("Ring back +442079460019")


def test_an_answer_that_changes_after_it_was_read_back_is_counted_as_corrected(desk: Bureau) -> None:
    row = desk.begin(desk.ours)
    desk.say(row, "number", CALLER, sure=True)
    desk.say(row, "number", "020 7946 0019", sure=True)
    assert desk.again(row).corrected == 1
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="hung_up", **desk.as_ola)


def test_a_new_version_waits_for_its_test_call_its_approval_and_its_hour(desk: Bureau) -> None:
    here, script = desk.here, desk.ours.scripts.get()
    tomorrow = here.at + timedelta(hours=6)
    new = clients.save_script(
        client_id=desk.ours.pk, script_id=script.pk, name=script.name, greeting="New words", steps=SHORT,
        starts_at=tomorrow, why="Shorter", **here.doing,
    )  # fmt: skip
    with pytest.raises(IllegalTransition, match="test call"):
        clients.approve_script(script_id=script.pk, number=new.number, **here.doing)
    with pytest.raises(Forbidden):
        clients.approve_script(script_id=script.pk, number=new.number, **desk.as_ola)
    desk.approve(new)
    assert Page.objects.count() == Ticket.objects.count() == 0, "a test call leaves the house"
    assert queries.version_at(desk.ours, here.at).greeting == "Quayside, good evening"  # type: ignore[union-attr]
    assert queries.version_at(desk.ours, tomorrow).greeting == "New words"  # type: ignore[union-attr]
    approved = Entry.objects.get(kind=clients.SCRIPT_APPROVED, facts__number=new.number)
    assert approved.by_name == "Nightdesk"


def test_the_night_s_own_script_is_read_at_night(desk: Bureau) -> None:
    night = clients.save_script(
        client_id=desk.ours.pk, name="Nights", greeting="Good night", steps=SHORT,
        when=scripts.When(opens=time(22), closes=time(7)).as_json(), **desk.here.doing,
    )  # fmt: skip
    desk.approve(night)
    row = desk.begin(desk.ours)
    assert row.version.greeting == "Good night"
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="wrong_number", **desk.as_ola)
    desk.here.minutes(10 * 60)
    assert queries.version_at(desk.ours, desk.here.at).greeting == "Quayside, good evening"  # type: ignore[union-attr]


def test_a_new_client_begins_with_the_scripts_of_another_and_none_of_them_is_read_before_it_is_tried(
    desk: Bureau,
) -> None:
    brand = access.make_brand(name="Quay Vets", slug="vets", **desk.here.doing)
    made = clients.save_bureau_client(brand_id=brand.pk, like_client_id=desk.ours.pk, **desk.here.doing)
    copied = made.scripts.get().versions.get()
    assert (copied.greeting, copied.steps) == (
        "Quay Vets, good evening",
        queries.version_at(desk.ours, desk.here.at).steps,
    )  # type: ignore[union-attr]
    assert queries.version_at(made, desk.here.at) is None
    user_of_all = desk.operator("Una", brand)
    with pytest.raises(IllegalTransition, match="No script is approved"):
        bureau.open_bureau_message(client_id=made.pk, **desk.by(user_of_all))


# --- Handing on ------------------------------------------------------------------------------------------------------


def test_a_message_for_a_client_with_a_nightdesk_is_a_ticket_and_a_page_and_whoever_takes_it_stands_on_the_screen(
    desk: Bureau,
) -> None:
    row = desk.take(desk.ours)
    desk.here.phone(desk.bo).got("Ring back +442079460018")
    row = desk.again(row)
    page, ticket = Page.objects.get(pk=row.page_id), Ticket.objects.get(pk=row.ticket_id)
    assert (page.priority, ticket.entries.filter(text__contains="The server room is wet").count()) == (2, 1)
    assert row.left is not None
    assert (row.left.taken_by, row.left.call_back_by) == ("Ola", desk.here.at + timedelta(minutes=30))
    assert row.acknowledged_at is None
    desk.here.minutes(1)
    desk.here.acknowledge(page, by=desk.bo)
    row = desk.again(row)
    assert (row.state, row.acknowledged_by) == ("acknowledged", "Bo")


def test_who_rings_again_joins_what_they_left_and_the_operator_sees_who_has_it(desk: Bureau) -> None:
    first = desk.take(desk.ours)
    desk.here.phone(desk.bo).got("Ring back")
    desk.here.acknowledge(Page.objects.get(), by=desk.bo)
    second = desk.take(desk.ours, what="It is still wet")
    assert (desk.again(second).ticket_id, desk.again(second).acknowledged_by) == (desk.again(first).ticket_id, "Bo")
    assert Page.objects.count() == 1


def test_a_message_that_can_wait_wakes_nobody_and_lies_in_the_queue(desk: Bureau) -> None:
    row = desk.take(desk.ours, urgency="normal")
    desk.here.minutes(60)
    assert Page.objects.count() == 0
    assert queries.proof_of(desk.again(row)).is_locked
    assert queries.minders(None, desk.here.at) == []


def test_a_customer_whose_contract_wakes_nobody_wakes_nobody_through_the_bureau_either(desk: Bureau) -> None:
    desk.here.customer("Mill", out_of_hours="nothing", may_wake=[])
    row = desk.begin(desk.ours)
    seen = bureau.check_caller(message_id=row.pk, typed="mill", **desk.as_ola)
    assert seen is not None
    assert not seen.covered
    desk.say(row, "account", "MILL")
    desk.fill(row)
    desk.here.minutes(30)
    assert (Page.objects.count(), Ticket.objects.get().customer.name) == (0, "Mill")  # type: ignore[union-attr]


def test_a_client_s_own_ladder_goes_on_until_somebody_has_the_message(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    began = desk.here.at
    assert desk.dee_phone.got("Kim Lee rang: call back on 020 7946 0018") == began
    desk.here.minutes(6)
    assert desk.eve_phone.got("The server room is wet") == began + timedelta(minutes=5)
    said = desk.replies(desk.eve, row)
    assert "You have message" in said
    row = desk.again(row)
    assert (row.state, row.acknowledged_by) == ("acknowledged", "Eve")
    assert "has it already" in desk.replies(desk.dee, row)
    assert Page.objects.count() == 0
    desk.here.minutes(120)


def test_a_ladder_that_nobody_answers_begins_again_and_the_operators_mind_it(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    began = desk.here.at
    desk.here.minutes(4)
    assert queries.minders(None, desk.here.at) == []
    desk.here.minutes(12)
    assert [desk.dee_phone.got("wet"), desk.eve_phone.got("wet"), desk.dee_phone.got("wet")] == [
        began, began + timedelta(minutes=5), began + timedelta(minutes=15),
    ]  # fmt: skip
    minded = [each.pk for each, _proof in queries.minders({desk.pier.pk}, desk.here.at)]
    assert (minded, desk.again(row).state) == ([row.pk], "undelivered")
    bureau.acknowledge_bureau_message(message_id=row.pk, name="Dee by telephone", **desk.as_ola)
    assert queries.minders(None, desk.here.at) == []
    desk.here.minutes(60)


def test_without_anybody_on_the_ladder_the_message_is_minded_and_goes_out_once_somebody_is(desk: Bureau) -> None:
    desk.ladder()
    row = desk.take(desk.theirs)
    assert desk.again(row).state == "undelivered"
    desk.ladder(desk.eve)
    desk.here.minutes(11)
    desk.eve_phone.got("wet")
    desk.replies(desk.eve, row)


def test_a_mailbox_cannot_say_yes_so_there_an_arrival_is_enough(desk: Bureau) -> None:
    desk.here.phones["front@pier.example"] = Phone("front desk")
    desk.ladder({"name": "Front desk", "channel": "email", "address": "front@pier.example", "wait_s": 300})
    row = desk.take(desk.theirs)
    desk.here.phones["front@pier.example"].got("Kim Lee rang")
    desk.here.minutes(60)
    proof = queries.proof_of(desk.again(row))
    assert proof.delivered_at is not None
    assert [one.name for one in proof.told] == ["Front desk"]


def test_a_rung_for_what_is_urgent_alone_is_not_woken_by_what_can_wait(desk: Bureau) -> None:
    desk.here.phones["front@pier.example"] = Phone("front desk")
    method = desk.dee.contact_methods.get().pk
    desk.ladder(
        {"method_id": method, "wait_s": 300, "urgent_only": True},
        {"name": "Front desk", "channel": "email", "address": "front@pier.example"},
    )
    desk.take(desk.theirs, urgency="normal")
    desk.here.phones["front@pier.example"].got("Kim Lee rang")
    desk.here.minutes(60)


# --- Proof, and the words --------------------------------------------------------------------------------------------


def test_once_delivered_the_words_are_locked_and_only_setting_them_back_opens_them(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    with pytest.raises(IllegalTransition, match="locked"):
        desk.say(row, "what", "The cellar is wet")
    with pytest.raises(Invalid, match="No reason"):
        bureau.set_back_bureau_message(message_id=row.pk, why=" ", **desk.as_ola)
    bureau.set_back_bureau_message(message_id=row.pk, why="It is the cellar", **desk.as_ola)
    desk.here.minutes(30)  # nobody is told of words that are known to be wrong
    desk.say(row, "what", "The cellar is wet")
    bureau.relay_bureau_message(message_id=row.pk, **desk.as_ola)
    desk.here.run_due()
    desk.dee_phone.got("The cellar is wet")
    desk.replies(desk.dee, row)
    row = desk.again(row)
    assert (row.corrected, row.state) == (1, "acknowledged")
    (why,) = Entry.objects.filter(kind=bureau.SET_BACK).values_list("id", flat=True)
    assert PersonalText.objects.get(entry_id=why).text == "It is the cellar"


def test_it_is_sent_again_only_to_somebody_of_the_list_by_their_own_way(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    with pytest.raises(NotFound, match="Nobody of that name"):
        bureau.resend_bureau_message(message_id=row.pk, to=f"person:{desk.bo.pk}", **desk.as_ola)
    key = next(one.key for one in queries.on_call_list(desk.theirs, desk.here.at) if one.name == "Eve")
    bureau.resend_bureau_message(message_id=row.pk, to=key, **desk.as_ola)
    desk.here.run_due()
    desk.eve_phone.got("wet")
    desk.replies(desk.eve, row)
    assert desk.again(row).acknowledged_by == "Eve"


def test_it_is_read_out_only_to_somebody_who_reads_the_code_that_was_sent_to_them(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    desk.replies(desk.dee, row)
    key = next(one.key for one in queries.on_call_list(desk.theirs, desk.here.at) if one.name == "Dee")
    bureau.ask_engineers_code(message_id=row.pk, to=key, **desk.as_ola)
    desk.here.run_due()
    desk.dee_phone.got("is what you read to the operator")
    code = re.search(r"\b(\d{6})\b", desk.dee_phone.rang[-1][1])
    assert code is not None
    wrong = "000000" if code[1] != "000000" else "111111"
    assert not bureau.read_out_bureau_message(message_id=row.pk, code=wrong, **desk.as_ola)
    assert bureau.read_out_bureau_message(message_id=row.pk, code=code[1], **desk.as_ola)
    with pytest.raises(IllegalTransition, match="No code holds"):
        bureau.read_out_bureau_message(message_id=row.pk, code=code[1], **desk.as_ola)
    assert Entry.objects.get(kind=bureau.READ_OUT).facts["name"] == "Dee"


def test_three_wrong_codes_are_all_that_anybody_has(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    desk.replies(desk.dee, row)
    key = next(one.key for one in queries.on_call_list(desk.theirs, desk.here.at) if one.name == "Dee")
    asked = bureau.ask_engineers_code(message_id=row.pk, to=key, **desk.as_ola)
    desk.here.run_due()
    desk.dee_phone.got("is what you read to the operator")
    right = queries.proof_code(asked.proof)
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(3):
        assert not bureau.read_out_bureau_message(message_id=row.pk, code=wrong, **desk.as_ola)
    with pytest.raises(IllegalTransition, match="No code holds"):
        bureau.read_out_bureau_message(message_id=row.pk, code=right, **desk.as_ola)


# --- Whom it concerns, and whom it does not --------------------------------------------------------------------------


def test_an_operator_finds_an_account_that_is_named_whole_and_learns_no_more_than_its_name(desk: Bureau) -> None:
    desk.here.customer("Mill", out_of_hours="full", may_wake=["P2"])
    mill = customers.make_customer(brand_id=desk.here.brand.pk, name="Mill Lane", ref="ML-1", **desk.here.doing)
    customers.make_contact(customer_id=mill.pk, name="Ruth", phone="+442079460112", **desk.here.doing)
    row = desk.begin(desk.ours)
    found = [
        bureau.check_caller(message_id=row.pk, typed=typed, **desk.as_ola)
        for typed in ("mil", "MILL", "ml-1", "+442079460112", "", "Ruth")
    ]
    assert [one.name if one else None for one in found] == [None, "Mill", "Mill Lane", "Mill Lane", None, None]
    assert "Ruth" not in repr(found)
    assert "0112" not in repr(found)
    assert Entry.objects.filter(kind=bureau.CHECKED).count() == 6
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="told", **desk.as_ola)


def test_accounts_of_another_client_are_not_found(desk: Bureau) -> None:
    customers.make_customer(brand_id=desk.pier.pk, name="Mill", ref="M-1", **desk.here.doing)
    row = desk.begin(desk.ours)
    assert bureau.check_caller(message_id=row.pk, typed="Mill", **desk.as_ola) is None
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="told", **desk.as_ola)


def test_an_operator_of_one_client_reaches_nothing_of_another(desk: Bureau) -> None:
    una = desk.operator("Una", desk.pier)
    row = desk.begin(desk.ours)
    with pytest.raises(Forbidden):
        bureau.open_bureau_message(client_id=desk.ours.pk, **desk.by(una))
    with pytest.raises(Forbidden):
        bureau.answer_step(message_id=row.pk, key="name", value="Kim", **desk.by(una))
    with pytest.raises(Forbidden):
        bureau.acknowledge_bureau_message(message_id=row.pk, name="Una", **desk.by(una))
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="hung_up", **desk.as_ola)


def test_an_operator_holds_the_caller_they_talk_with_and_nobody_else_s(desk: Bureau) -> None:
    line = Line.objects.create(brand=desk.here.brand, name="Main", numbers=["+442079460000"])

    def talks_with(person_id: int) -> Call:
        memory = {"who": {"e1": {"as": "bureau", "person_id": person_id}}, "customer": "caller"}
        state = state_as_json(State("talk", {"caller": "up", "e1": "up"}, memory))
        return Call.objects.create(line=line, exchange="test", came_at=clock.now(), state=state)

    theirs = talks_with(desk.ola.pk)
    hold_call(call_id=theirs.pk, **desk.as_ola)
    assert [asked.event["what"] for asked in Asking.objects.filter(call_id=theirs.pk)] == ["hold"]
    with pytest.raises(IllegalTransition, match="You are not in that call"):
        hold_call(call_id=talks_with(desk.bo.pk).pk, **desk.as_ola)


def test_whoever_is_on_no_ladder_and_has_no_role_cannot_say_that_they_have_a_message(desk: Bureau) -> None:
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    with pytest.raises(Forbidden):
        bureau.acknowledge_bureau_message(message_id=row.pk, **(desk.here.doing | {"by": Actor("person", "999", "X")}))
    desk.replies(desk.dee, row)


# --- Operators -------------------------------------------------------------------------------------------------------


def test_an_operator_is_free_while_their_desk_is_open_and_nothing_is_in_hand(desk: Bureau) -> None:
    def free() -> list[int]:
        return [each.person_id for each in queries.free_takers(desk.here.at)]

    bureau.note_taker_here(**desk.as_ola)
    assert free() == [desk.ola.pk]
    row = desk.begin(desk.ours)
    assert free() == []
    with pytest.raises(IllegalTransition, match="not wrapped up"):
        bureau.sign_out_taker(**desk.as_ola)
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="hung_up", **desk.as_ola)
    assert free() == [desk.ola.pk]
    bureau.pause_taker(**desk.as_ola)
    assert free() == []
    bureau.sign_in_taker(**desk.as_ola)
    assert free() == [desk.ola.pk]
    desk.here.minutes(2)
    assert free() == [], "their desk was not open"
    bureau.note_taker_here(**desk.as_ola)
    bureau.sign_out_taker(**desk.as_ola)
    assert free() == []


def test_the_end_of_a_call_says_what_came_of_it(desk: Bureau) -> None:
    row = desk.begin(desk.ours)
    with pytest.raises(Invalid, match="No message was kept"):
        bureau.wrap_up_bureau_message(message_id=row.pk, outcome="message", **desk.as_ola)
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="told", remark="Knew of it", **desk.as_ola)
    assert (desk.again(row).state, desk.again(row).outcome) == ("closed", "told")


def test_the_month_is_counted_by_client_and_test_calls_are_not(desk: Bureau) -> None:
    since = desk.here.at - timedelta(days=1)
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    desk.replies(desk.dee, row)
    bureau.wrap_up_bureau_message(message_id=row.pk, outcome="message", **desk.as_ola)
    other = desk.begin(desk.ours)
    bureau.wrap_up_bureau_message(message_id=other.pk, outcome="told", **desk.as_ola)
    counted = {one.client: one for one in queries.counts(None, since, desk.here.at + timedelta(days=1))}
    pier, ours = counted["Pier Dental"], counted["Quayside"]
    assert (pier.calls, pier.messages, pier.urgent, pier.acknowledged, pier.within_half_an_hour) == (1, 1, 1, 1, 1)
    assert (ours.calls, ours.messages, ours.told) == (1, 0, 1)
    assert [one.client for one in queries.counts({desk.pier.pk}, since, desk.here.at)] == ["Pier Dental"]


def test_the_note_of_the_day_is_gone_when_its_day_is(desk: Bureau) -> None:
    until = desk.here.at + timedelta(hours=1)
    client = clients.set_note_of_the_day(
        client_id=desk.ours.pk, text="The office moves today", until=until, **desk.here.doing
    )
    assert queries.note_now(client, desk.here.at) == "The office moves today"
    assert queries.note_now(client, until) == ""
    with pytest.raises(Forbidden):
        clients.set_note_of_the_day(client_id=desk.ours.pk, text="Mine", **desk.as_ola)


def test_no_contact_s_number_lies_in_what_an_operator_reads(desk: Bureau) -> None:
    assert Contact.objects.count() == 0
    row = desk.take(desk.theirs)
    desk.dee_phone.got("wet")
    desk.replies(desk.dee, row)
    assert [one.name for one in queries.on_call_list(desk.ours, desk.here.at)] == ["Bo"]
