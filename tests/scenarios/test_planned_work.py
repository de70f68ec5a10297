"""Stories of planned work: those touched hear of it, its changes and its end; carriers' mails propose it."""

from datetime import date, timedelta
from typing import Any

import pytest

from nightdesk.base.files import read_file
from nightdesk.base.models import Promise
from nightdesk.channels.models import Message
from nightdesk.customers.models import Contact, Contract, Customer, Service, Subscription
from nightdesk.mailroom import actions as mailroom
from nightdesk.outages import carrier_actions, work_actions, work_queries, work_rule_actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.maintnote import Impact, Maintnote, Status, read_maintnotes
from nightdesk.outages.models import CarrierNote, Member, Need, Objection, Part, Work
from nightdesk.outages.work_actions import WorkClashes
from nightdesk.paging import silence_actions
from nightdesk.paging.models import PlannedWork, Silence
from tests.world import Phone, World


class Net:
    """A fibre to each of two customers, and a third whose two fibres come from two carriers."""

    def __init__(self, world: World) -> None:
        self.world = world
        brand = world.brand
        mailroom.add_address(address="noc@quay.example", brand_id=brand.id, **world.doing)
        mailroom.save_front(way="smtp", authserv_id="mx.quay.example", **world.doing)
        self.bakery, self.dairy, self.harbour = (world.customer(name) for name in ("Bakery", "Dairy", "Harbour"))
        work_rule_actions.save_work_rules(brand_id=brand.id, notice_days=2, remind_hours=[24], **world.doing)
        self.service = Service.objects.create(brand=brand, key="internet", name="Internet")
        self.fibre = Part.objects.create(
            brand=brand, key="fibre-1", name="Fibre 1", kind="circuit", provider="Arelion", provider_ref="IC-111111"
        )
        self.other = Part.objects.create(
            brand=brand, key="fibre-2", name="Fibre 2", kind="circuit", provider="Zayo", provider_ref="OGYX/123456//ZYO"
        )
        self.buys("BAKERY", [self.fibre])
        self.buys("DAIRY", [self.other])
        self.buys("HARBOUR", [self.fibre, self.other], at_least=1)

    def buys(self, ref: str, parts: list[Part], at_least: int | None = None) -> None:
        customer = Customer.objects.get(ref=ref)
        bought = Subscription.objects.create(customer=customer, service=self.service, label=f"line of {customer.name}")
        need = Need.objects.create(brand=self.world.brand, subscription=bought, at_least=at_least)
        for part in parts:
            Member.objects.create(need=need, part=part)

    def draft(self, days: float = 10, hours: float = 2, **more: Any) -> Work:
        from_at = self.world.at + timedelta(days=days)
        wanted: dict[str, Any] = {
            "title": "Splice the fibre",
            "from_at": from_at,
            "until_at": from_at + timedelta(hours=hours),
            "parts": {self.fibre.pk: Effect.DOWN},
            "texts": {"en-gb": "The fibre in Dock Street is moved."},
            **more,
        }
        return work_actions.draft_work(brand_id=self.world.brand.id, **wanted, **self.world.doing)

    def announce(self, work: Work, **more: Any) -> Work:
        told = work_actions.announce_work(work_id=work.pk, **more, **self.world.doing)
        self.world.run_due()
        return told

    def wants_maintnote(self, name: str) -> None:
        contact = Contact.objects.get(name=name)
        work_rule_actions.set_maintnote_wish(contact_id=contact.pk, wanted=True, **self.world.doing)

    def carrier(self, **more: Any) -> Any:
        return carrier_actions.save_carrier(
            brand_id=self.world.brand.id, name="Arelion", senders=["@arelion.example"], **more, **self.world.doing
        )

    def arelion_writes(self, text: str, sender: str = "noc@arelion.example") -> Any:
        return self.world.writes(sender, "noc@quay.example", "Planned work", text)


def maintnote(world: World, **more: Any) -> str:
    wanted: dict[str, Any] = {
        "begins": timedelta(days=5), "status": "CONFIRMED", "sequence": 0, "uid": "PWIC1@arelion.example",
        "objects": ("ic 111 111",), "impact": "OUTAGE", "hours": 2,
    } | more  # fmt: skip
    starts = world.at + wanted["begins"]
    rows = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "SUMMARY:Move of a fibre",
        f"DTSTART:{starts:%Y%m%dT%H%M%SZ}", f"DTEND:{starts + timedelta(hours=wanted['hours']):%Y%m%dT%H%M%SZ}",
        f"DTSTAMP:{world.at:%Y%m%dT%H%M%SZ}", f"UID:{wanted['uid']}", f"SEQUENCE:{wanted['sequence']}",
        "X-MAINTNOTE-PROVIDER:arelion.example", "X-MAINTNOTE-ACCOUNT:1", "X-MAINTNOTE-MAINTENANCE-ID:PWIC1",
        *(f"X-MAINTNOTE-OBJECT-ID:{one}" for one in wanted["objects"]), f"X-MAINTNOTE-IMPACT:{wanted['impact']}",
        f"X-MAINTNOTE-STATUS:{wanted['status']}", "ORGANIZER:mailto:noc@arelion.example", "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "\n".join(rows)


@pytest.fixture
def net(world: World) -> Net:
    return Net(world)


def files_of(work: Work, customer: str) -> list[Maintnote]:
    """What the customer's programs have got, oldest first."""
    notices = work.notices.filter(customer__name=customer).exclude(digest="").order_by("sequence")
    return [read_maintnotes(read_file(one.digest).decode())[0] for one in notices]


# --- Towards customers -----------------------------------------------------------------------------------------------


def test_those_touched_hear_of_it_all_the_way_and_nobody_else_does(world: World, net: Net) -> None:
    net.wants_maintnote("Bakery")
    work = net.announce(net.draft())
    when = "Friday 13 March, 02:00 to 04:00 (Europe/London)"
    net.bakery.got(f"Planned work W-1: {when}")
    net.harbour.got("Internet line of Harbour works. A further fault could stop it")
    world.minutes(9 * 24 * 60)
    net.bakery.got(f"Reminder of planned work W-1: {when}")
    net.harbour.got("Reminder")
    world.minutes(24 * 60)
    net.bakery.got("Planned work W-1 has begun, until 04:00")
    net.harbour.got("has begun")
    world.minutes(60)
    until_at = work.until_at + timedelta(hours=1)
    work_actions.prolong_work(work_id=work.pk, until_at=until_at, note="A splice must be done again.", **world.doing)
    world.run_due()
    net.bakery.got("A splice must be done again.")
    net.harbour.got("takes longer, until 05:00")
    world.minutes(90)
    work_actions.close_work(work_id=work.pk, **world.doing)
    world.run_due()
    net.bakery.got("Planned work W-1 is done")
    net.harbour.got("is done")
    files = files_of(work, "Bakery")
    assert [one.status for one in files] == [
        Status.CONFIRMED, Status.CONFIRMED, Status.IN_PROCESS, Status.IN_PROCESS, Status.COMPLETED
    ]  # fmt: skip
    assert [one.sequence for one in files] == [0, 1, 2, 3, 4]
    assert len({one.uid for one in files}) == 1
    assert {one.id for note in files for one in note.objects} == {"line of Bakery"}
    assert all(one.problems == () for one in files)
    assert files_of(work, "Harbour") == [], "they did not ask for any"
    # Leaving the world looks whether the dairy, whom it does not touch, heard anything.


def test_a_file_says_what_becomes_of_that_customer_and_not_of_the_worst_one(world: World, net: Net) -> None:
    net.wants_maintnote("Harbour")
    work = net.announce(net.draft())
    net.bakery.got("does not work")
    net.harbour.got("A further fault could stop it")
    (note,) = files_of(work, "Harbour")
    assert note.impact == Impact.REDUCED_REDUNDANCY
    assert note.organizer == "noc@quay.example"
    assert note.account == "HARBOUR"


def test_alarms_are_quiet_meanwhile_and_whoever_forgets_to_say_that_it_is_done_is_paged(world: World, net: Net) -> None:
    bo = world.person("Bo")
    world.escalate((0, bo))
    work = net.announce(net.draft(person_id=bo.id))
    net.bakery.got("Planned work"), net.harbour.got("Planned work")
    world.minutes(10 * 24 * 60 + 5)
    for mailbox in (net.bakery, net.harbour):
        mailbox.got("Reminder")
        mailbox.got("has begun")
    assert world.quiet_alarm("port down", source="Fibre 1") == 0
    assert Silence.objects.filter(work__told_as=work, ended_at=None).count() == 2
    world.clear("port down")
    world.minutes(115)
    world.phone(bo).got("Planned work has overrun")
    work_actions.close_work(work_id=work.pk, **world.doing)
    world.run_due()
    net.bakery.got("is done"), net.harbour.got("is done")


def test_what_is_done_to_the_quiet_is_told_to_customers_as_well(world: World, net: Net) -> None:
    work = net.announce(net.draft(days=3))
    net.bakery.got("Planned work"), net.harbour.got("Planned work")
    planned = PlannedWork.objects.get(told_as=work)
    silence_actions.start_work(work_id=planned.pk, **world.doing)
    world.run_due()
    net.bakery.got("has begun"), net.harbour.got("has begun")
    silence_actions.extend_work(work_id=planned.pk, until_at=planned.until_at + timedelta(hours=1), **world.doing)
    world.run_due()
    net.bakery.got("takes longer"), net.harbour.got("takes longer")
    silence_actions.complete_work(work_id=planned.pk, **world.doing)
    world.run_due()
    net.bakery.got("is done"), net.harbour.got("is done")
    work.refresh_from_db()
    assert work.state == Work.State.COMPLETED


def test_work_that_moves_and_is_called_off_is_told_to_all_who_heard_of_it(world: World, net: Net) -> None:
    net.wants_maintnote("Bakery")
    work = net.announce(net.draft(), tentative=True)
    net.bakery.got("not yet certain"), net.harbour.got("not yet certain")
    net.announce(work)
    net.bakery.got("Planned work W-1:"), net.harbour.got("Planned work W-1:")
    moved = {"from_at": work.from_at + timedelta(days=1), "until_at": work.until_at + timedelta(days=1)}
    work_actions.edit_work(work_id=work.pk, **moved, **world.doing)
    world.run_due()
    net.bakery.got("has changed: Saturday 14 March"), net.harbour.got("has changed")
    # It turns out to be the other fibre: those of the first are told that it is over for them, and the new ones all of it.
    work_actions.edit_work(work_id=work.pk, parts={net.other.pk: Effect.DOWN}, **world.doing)
    world.run_due()
    (
        net.bakery.got("does not take place"),
        net.harbour.got("has changed"),
        net.dairy.got("Internet line of Dairy does not work"),
    )
    work_actions.call_off_work(work_id=work.pk, note="The weather.", **world.doing)
    world.run_due()
    net.harbour.got("The weather."), net.dairy.got("does not take place")
    assert [one.status for one in files_of(work, "Bakery")] == [
        Status.TENTATIVE, Status.CONFIRMED, Status.CONFIRMED, Status.CANCELLED
    ]  # fmt: skip
    assert PlannedWork.objects.filter(ended_at=None).count() == 0
    world.minutes(20 * 24 * 60)


def test_nobody_is_told_twice_in_a_round_however_often_it_is_tried(world: World, net: Net) -> None:
    work = net.announce(net.draft())
    net.bakery.got("Planned work"), net.harbour.got("Planned work")
    promised = Promise.objects.get(kind=work_actions.TELL)
    for _ in range(3):
        work_actions.tell_touched(
            work_id=work.pk, round_=1, kind_="announce", note="", entry=promised.cause, **world.doing
        )
    world.run_due()
    assert work.notices.count() == 2


def test_many_are_told_in_parts_and_a_later_notice_takes_the_place_of_the_rest(
    world: World, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_actions, "TOLD_AT_ONCE", 1)
    work = net.announce(net.draft())
    net.bakery.got("does not work"), net.harbour.got("Planned work")
    assert list(work.notices.order_by("id").values_list("customer__name", flat=True)) == ["Bakery", "Harbour"]
    work_actions.edit_work(work_id=work.pk, texts={"en-gb": "Otherwise."}, **world.doing)
    work_actions.call_off_work(work_id=work.pk, **world.doing)
    world.run_due()
    net.bakery.got("does not take place"), net.harbour.got("does not take place")


def test_what_clashes_is_refused_unless_somebody_says_why(world: World, net: Net) -> None:
    contract = Contract.objects.get(customer__name="Bakery")
    work_rule_actions.save_work_terms(contract_id=contract.pk, notice_days=30, **world.doing)
    harbour = Customer.objects.get(name="Harbour")
    work_rule_actions.save_freeze(
        brand_id=world.brand.id, customer_id=harbour.pk, name="Regatta", first_day=date(2026, 3, 12),
        last_day=date(2026, 3, 13), **world.doing,
    )  # fmt: skip
    work = net.draft()
    with pytest.raises(WorkClashes) as clash:
        net.announce(work)
    assert "Bakery is to be told in time" in str(clash.value)
    assert "Harbour wants none until 14 Mar 00:00 (Regatta)" in str(clash.value)
    net.announce(work, despite="The duct is being dug up.")
    net.bakery.got("Planned work"), net.harbour.got("Planned work")


def test_this_clashes_reaches_whoever_plans_it_and_the_desk(world: World, net: Net) -> None:
    bo = world.person("Bo")
    mailbox = world.mail(bo)
    net.announce(net.draft(person_id=bo.id))
    net.bakery.got("Answer this mail"), net.harbour.got("Answer this mail")
    sent = Message.objects.filter(kind="work.announce").order_by("id").first()
    assert sent is not None
    reply_to = str(sent.mail["reply_to"])
    assert reply_to.startswith("noc+work+")
    came = world.writes("bakery@customer.example", reply_to, "Re: Planned work", "We bake for the market that night!")
    assert came.standing == "done"
    mailbox.got("Bakery says that W-1 clashes")
    net.bakery.got("We have your message")
    objection = Objection.objects.get()
    assert "We bake for the market" in objection.words
    assert "Whoever plans W-1 hears of it" in came.outcome
    stranger = world.phones["stranger@elsewhere.example"] = Phone("a stranger")
    world.writes("stranger@elsewhere.example", reply_to, "Re: Planned work", "Me too")
    stranger.got("We have your message")
    assert Objection.objects.count() == 1
    work_actions.settle_objection(objection_id=objection.pk, **world.doing)


# --- From carriers ---------------------------------------------------------------------------------------------------


def test_a_carriers_mail_proposes_work_and_one_tap_tells_customers(world: World, net: Net) -> None:
    bo = world.person("Bo")
    mailbox = world.mail(bo)
    work_rule_actions.save_work_rules(
        brand_id=world.brand.id, notice_days=2, remind_hours=[], planners_id=world.team.id, **world.doing
    )
    net.carrier()
    mail = net.arelion_writes(maintnote(world))
    work = Work.objects.get()
    assert (mail.standing, mail.subject_kind, mail.subject_id) == ("done", "planned-work", str(work.pk))
    assert work.title == "Arelion: Move of a fibre"
    assert work_queries.parts_of(work.pk) == {net.fibre.pk: Effect.DOWN}
    mailbox.got("Arelion announces work: W-1")
    net.announce(work)
    net.bakery.got("Planned work W-1"), net.harbour.got("Planned work W-1")
    net.arelion_writes(maintnote(world, sequence=1, begins=timedelta(days=6)))
    mailbox.got("waits for somebody")
    work.refresh_from_db()
    assert work.change is not None, "customers have heard of it, so that a person decides"
    carrier_actions.take_carrier_change(work_id=work.pk, **world.doing)
    world.run_due()
    net.bakery.got("has changed"), net.harbour.got("has changed")
    net.arelion_writes(maintnote(world, sequence=1, begins=timedelta(days=6)))
    net.arelion_writes(maintnote(world, sequence=0))
    assert CarrierNote.objects.filter(became="nothing").count() == 2
    net.arelion_writes(maintnote(world, sequence=2, begins=timedelta(days=6), status="CANCELLED"))
    mailbox.got("waits for somebody")
    carrier_actions.take_carrier_change(work_id=work.pk, **world.doing)
    world.run_due()
    net.bakery.got("does not take place"), net.harbour.got("does not take place")
    assert Work.objects.count() == 1


def test_what_is_only_proposed_follows_its_carrier(world: World, net: Net) -> None:
    net.carrier()
    net.arelion_writes(maintnote(world))
    net.arelion_writes(maintnote(world, sequence=1, begins=timedelta(days=7), status="RE-SCHEDULED"))
    work = Work.objects.get()
    assert work.from_at == world.at + timedelta(days=7)
    net.arelion_writes(maintnote(world, sequence=2, begins=timedelta(days=7), status="CANCELLED"))
    work.refresh_from_db()
    assert work.state == Work.State.DISMISSED
    net.arelion_writes(maintnote(world, sequence=3, begins=timedelta(days=9)))
    assert Work.objects.filter(state="proposed").count() == 1, "announced anew"


def test_both_legs_of_a_pair_at_once_are_warned_of(world: World, net: Net) -> None:
    net.carrier()
    net.arelion_writes(maintnote(world))
    first = Work.objects.get()
    assert work_queries.both_legs_of(first) == []
    net.draft(days=5, hours=1, parts={net.other.pk: Effect.DOWN})
    assert work_queries.warnings_of(first, world.at) == [
        "Harbour loses both legs of line of Harbour at once: Fibre 1, Fibre 2 (with W-2)"
    ]


def test_nothing_is_proposed_of_what_is_past_or_cannot_be_or_is_none_of_ours(world: World, net: Net) -> None:
    net.carrier()
    for number, odd in enumerate(
        [
            {"begins": timedelta(days=-1)},
            {"hours": 0},
            {"objects": ("IC-999",)},
            {"objects": ()},
            {"impact": "NO-IMPACT"},
            {"status": "CANCELLED"},
            {"hours": 24 * 40},
        ]
    ):
        mail = net.arelion_writes(maintnote(world, uid=f"odd-{number}", **odd))  # type: ignore[arg-type]
        assert mail.standing == "done", odd
    assert Work.objects.count() == 0
    found = list(CarrierNote.objects.order_by("id").values_list("became", flat=True))
    assert found == ["over", "unusable", "unknown", "unknown", "nothing", "nothing", "unusable"]


def test_a_contradiction_stands_on_what_is_proposed(world: World, net: Net) -> None:
    net.carrier()
    text = maintnote(world, impact="NO-IMPACT").replace(
        "OBJECT-ID:ic 111 111", "OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:ic 111 111"
    )
    net.arelion_writes(text)
    assert "Its impact is NO-IMPACT, and that on ic 111 111 is OUTAGE." in Work.objects.get().problems


def test_other_words_of_a_carrier_are_a_mail_like_any_other(world: World, net: Net) -> None:
    net.carrier()
    mail = net.arelion_writes("How are you today?")
    assert mail.subject_kind != "planned-work"
    assert CarrierNote.objects.count() == 0


def test_a_strangers_note_is_taken_with_care_and_only_about_circuits_of_ours(world: World, net: Net) -> None:
    net.arelion_writes(maintnote(world, objects=("nothing-of-ours",)), sender="x@stranger.example")
    assert CarrierNote.objects.count() == 0
    net.arelion_writes(maintnote(world), sender="x@stranger.example")
    assert "Its sender x@stranger.example is no carrier that is set up." in Work.objects.get().problems


def test_nobody_decides_and_the_planner_is_asked_again(world: World, net: Net) -> None:
    bo = world.person("Bo")
    mailbox = world.mail(bo)
    net.draft(days=3, person_id=bo.id)
    world.minutes(2 * 24 * 60)
    mailbox.got("Nobody has decided on W-1")
    world.minutes(2 * 24 * 60)
