"""An outage from its alarm to its end: who decides, who is told, who is asked when it is late."""

from datetime import timedelta

import pytest

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.models import Contact, Customer
from nightdesk.outages import actions, decide, queries, wish_actions
from nightdesk.outages.effect import Effect, stretches_down
from nightdesk.outages.models import Affected, Outage, Reach, Touched, Update
from nightdesk.outages.tasks import answer_no_change
from nightdesk.outages.tests.company import NIGHT, Network
from nightdesk.paging import actions as paging
from nightdesk.paging.models import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(db: None) -> Network:
    made = Network()
    made.acme = made.customer("Acme", "Cleo", full=True)
    made.bolt = made.customer("Bolt", "Ben", "Bea")
    return made


def test_a_proposed_outage_touches_people_and_tells_nobody(network: Network) -> None:
    made = actions.propose_outage(
        brand_id=network.brand.pk,
        title="Switch",
        parts={network.access.pk: Effect.DOWN},
        **network.doing_as(network.eve),
    )
    network.minutes(60)
    assert made.state == "proposed"
    assert set(Touched.objects.values_list("customer__name", "effect")) == {("Acme", 3), ("Bolt", 3)}
    assert Delivery.objects.count() == 0
    with pytest.raises(IllegalTransition, match="confirm"):
        network.says(made, "It is down")


def test_the_loss_of_one_uplink_is_reduced_redundancy_and_of_both_an_outage(network: Network) -> None:
    outage = network.outage(network.left)
    assert set(Touched.objects.values_list("effect", flat=True)) == {Effect.REDUCED}
    both = {network.left.pk: Effect.DOWN, network.right.pk: Effect.DOWN}
    actions.set_failed_parts(outage_id=outage.pk, parts=both, **network.doing_as(network.eve))
    assert set(Touched.objects.values_list("effect", flat=True)) == {Effect.DOWN}


def test_each_reads_what_stops_working_for_them_and_when_they_hear_more(network: Network) -> None:
    told = network.told(network.says(network.outage(), "We know of it. {{ engineer }}"))
    assert set(told) == {(name, channel) for name in ("Cleo", "Ben", "Bea") for channel in ("email", "sms")}
    assert told["Cleo", "sms"].strip() == (
        "Quayside: Internet line L-1 does not work. We know of it. Next update by 12:30 GMT."
    )
    assert told["Cleo", "email"].startswith("Quayside: Your services do not work\nInternet line L-1 does not work.\n")


def test_each_reads_it_in_their_own_language_else_in_their_companys_else_in_the_brands(network: Network) -> None:
    Contact.objects.filter(name="Cleo").update(language="de-at")
    Customer.objects.filter(pk=network.bolt.pk).update(language="de")
    Contact.objects.filter(name="Bea").update(language="fr")
    texts = {"en-gb": "We know of it.", "de": "Wir wissen davon."}
    outage = network.outage()
    update = actions.write_update(
        outage_id=outage.pk, state="investigating", texts=texts, **network.doing_as(network.dee)
    )
    network.work()
    told = network.told(update)
    read = {name: next(text for text in texts.values() if text in said) for (name, _channel), said in told.items()}
    assert read == {"Cleo": texts["de"], "Ben": texts["de"], "Bea": texts["en-gb"]}


def test_the_worst_hit_and_the_highest_contract_are_told_first(network: Network) -> None:
    network.buys(network.bolt, network.mail)
    outage = network.outage()
    network.says(outage, "We know of it.")
    rows = Delivery.objects.filter(channel="email").order_by("rank").values_list("recipient_id", flat=True)
    assert Contact.objects.get(pk=rows[0]).name == "Cleo"


def test_who_is_not_touched_hears_nothing(network: Network) -> None:
    other = network.part("elsewhere")
    network.says(network.outage(other), "We know of it.")
    assert Delivery.objects.filter(recipient_kind="contact").count() == 0


def test_one_row_for_each_update_contact_and_channel_however_often_it_is_sent(network: Network) -> None:
    update = network.says(network.outage(), "We know of it.")
    before = set(Delivery.objects.values_list("id", "occurrence"))
    actions.send_update(update_id=update.pk, **network.doing)
    assert set(Delivery.objects.values_list("id", "occurrence")) == before
    assert len(before) == len({occurrence for _id, occurrence in before}) == 6


def test_a_later_update_takes_the_place_of_what_was_not_sent(network: Network) -> None:
    outage = network.outage()
    first = network.says(outage, "We know of it.")
    network.minutes(1)
    second = network.says(outage, "We found it.", "identified")
    states = {row.state for row in Delivery.objects.filter(message_id__in=messages_of(first))}
    assert states == {"superseded"}
    assert {row.state for row in Delivery.objects.filter(message_id__in=messages_of(second))} == {"queued"}


def messages_of(update: Update) -> list[object]:
    return list(Message.objects.filter(cause=update.pk).values_list("id", flat=True))


def test_the_end_is_told_to_whoever_heard_the_beginning_though_they_wish_for_nothing_by_now(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.")
    Delivery.objects.update(state="delivered", ended_at=network.at)
    for name in ("Cleo", "Ben"):
        contact = Contact.objects.get(name=name)
        wish_actions.save_wish(
            customer_id=contact.customer_id, contact_id=contact.pk, channels=[], **network.doing_as(network.dee)
        )
    network.minutes(5)
    still = network.says(outage, "Still.", "identified")
    assert {name for name, _channel in network.told(still)} == {"Bea"}
    end = network.says(outage, "A fuse was replaced.", "resolved")
    told = network.told(end)
    assert {name for name, _channel in told} == {"Cleo", "Ben", "Bea"}
    assert "Your services work again. A fuse was replaced." in told["Cleo", "sms"]
    outage.refresh_from_db()
    assert (outage.state, outage.next_update_at) == ("resolved", None)
    assert not Touched.objects.filter(until=None).exists()


def test_the_end_cannot_be_kept_quiet(network: Network) -> None:
    with pytest.raises(Invalid, match="always told"):
        network.says(network.outage(), "Over.", "resolved", quiet=True)


def test_a_quiet_post_is_shown_and_sent_to_nobody(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "A spare is on its way.", quiet=True)
    latest = queries.latest_update(outage.pk)
    assert latest is not None
    assert latest.texts == {"en-gb": "A spare is on its way."}
    assert Delivery.objects.filter(recipient_kind="contact").count() == 0


def test_a_correction_is_told_to_whoever_was_told_what_was_wrong(network: Network) -> None:
    outage = network.outage()
    wrong = network.says(outage, "It will take a day.")
    network.minutes(5)
    right = network.says(outage, "It will take an hour.", corrects_id=wrong.pk)
    assert (right.kind, right.corrects_id) == ("correction", wrong.pk)
    assert set(network.told(right)) == {(name, way) for name in ("Cleo", "Ben", "Bea") for way in ("email", "sms")}
    assert network.told(right)["Cleo", "email"].startswith("Quayside: Correction about your services\n")
    other = network.outage(network.part("elsewhere"))
    with pytest.raises(NotFound, match="no published update of this outage"):
        network.says(other, "It was an hour.", corrects_id=wrong.pk)


def test_a_correction_of_the_end_is_told_to_whoever_heard_the_end_and_one_that_ends_it_is_the_end(
    network: Network,
) -> None:
    outage = network.outage()
    first = network.says(outage, "We know of it.")
    network.minutes(5)
    end = network.says(outage, "All mails are there.", "resolved", corrects_id=first.pk)
    assert end.kind == "resolution"
    heard = set(network.told(end))
    network.minutes(5)
    right = network.says(outage, "Mails of an hour are lost.", "resolved", corrects_id=end.pk)
    assert right.kind == "correction"
    assert (
        set(network.told(right))
        == heard
        == {(name, way) for name in ("Cleo", "Ben", "Bea") for way in ("email", "sms")}
    )


def test_a_word_after_the_end_says_what_happened_or_that_it_has_come_back(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.")
    network.minutes(5)
    network.says(outage, "All is well.", "resolved")
    network.minutes(60)
    after = network.says(outage, "A fuse had blown.", "resolved")
    assert after.kind == "post_incident"
    assert network.told(after)["Cleo", "email"].startswith("Quayside: What happened\nA fuse had blown.\n")
    again = network.says(outage, "It has come back.", "investigating")
    outage.refresh_from_db()
    assert (outage.state, outage.resolved_at) == ("investigating", None)
    assert "Internet line L-1 does not work. It has come back." in network.told(again)["Cleo", "sms"]


def test_whose_line_is_back_hears_so_while_others_wait(network: Network) -> None:
    lone = network.part("access-2")
    network.needs(network.buys(network.customer("Cask", "Cid"), network.mail), lone)
    outage = network.outage(network.access, lone)
    network.says(outage, "We know of it.")
    network.minutes(5)
    actions.set_failed_parts(outage_id=outage.pk, parts={lone.pk: Effect.DOWN}, **network.doing_as(network.eve))
    told = network.told(network.says(outage, "Dock Street is back.", "identified"))
    assert "work again" in told["Cleo", "sms"]
    assert "Mail does not work." in told["Cid", "sms"]
    network.minutes(5)
    assert {name for name, _channel in network.told(network.says(outage, "Soon.", "identified"))} == {"Cid"}


def test_a_channel_over_the_dead_line_does_not_count(network: Network) -> None:
    network.at = NIGHT
    line = network.acme.subscriptions.get()
    Reach.objects.create(customer=network.acme, channel="email", subscription=line)
    told = network.told(network.says(network.outage(), "We know of it."))
    assert set(told) == {("Cleo", "email"), ("Cleo", "sms"), ("Ben", "email"), ("Bea", "email")}


def test_with_many_services_a_message_says_how_many(network: Network) -> None:
    for number in range(4):
        network.needs(network.buys(network.acme, network.mail, f"box {number}"), network.access)
    network.buys(network.acme, network.mail, "elsewhere")
    told = network.told(network.says(network.outage(), "We know of it."))
    assert "5 of your 6 services do not work." in told["Cleo", "sms"]


# --- Approval --------------------------------------------------------------------------------------------------------


def test_a_statement_about_something_major_waits_for_the_desk(network: Network) -> None:
    outage = network.outage()
    update = network.says(outage, "We know of it.", by=network.eve)
    assert update.published_at is None
    with pytest.raises(Forbidden):
        actions.approve_update(update_id=update.pk, **network.doing_as(network.eve))
    actions.approve_update(update_id=update.pk, **network.doing_as(network.dee))
    network.work()
    assert set(network.told(Update.objects.get(pk=update.pk))) == {
        (name, channel) for name in ("Cleo", "Ben", "Bea") for channel in ("email", "sms")
    }


@pytest.mark.parametrize("severity", ["minor", "major", "critical"])
@pytest.mark.parametrize("own", [{}, {"minor": "manager", "major": "manager", "critical": "anybody"}])
def test_who_may_approve_hangs_on_the_severity_and_on_what_the_brand_says(
    network: Network, severity: str, own: dict[str, str]
) -> None:
    actions.save_outage_rules(brand_id=network.brand.pk, fields={"approvers": own}, **network.doing_as(network.max))
    outage = network.outage(severity=severity)
    needed = ("anybody", "desk", "manager").index(
        own.get(severity, {"minor": "anybody", "major": "desk", "critical": "manager"}[severity])
    )
    for rank, who in enumerate((network.eve, network.dee, network.max)):
        said = network.says(outage, f"Word of {who.name}.", by=who)
        assert (said.published_at is not None) == (rank >= needed)
        if said.published_at is None:
            with pytest.raises(Forbidden):
                actions.approve_update(update_id=said.pk, **network.doing_as(who))


def test_an_approver_who_is_silent_for_five_minutes_makes_the_holding_statement_go(network: Network) -> None:
    actions.save_statement_template(
        brand_id=network.brand.pk, name="Hold", goes_to="investigating", holding=True,
        texts={"en-gb": "We are looking into {{ what }}."}, **network.doing_as(network.dee),
    )  # fmt: skip
    outage = network.outage()
    waits = network.says(outage, "The switch in Dock Street burns.", by=network.eve)
    network.minutes(4)
    assert not Update.objects.filter(published_at__isnull=False).exists()
    network.minutes(1)
    held = Update.objects.get(published_at__isnull=False)
    assert (held.kind, held.texts) == ("holding", {"en-gb": "We are looking into Dock Street."})
    actions.approve_update(update_id=waits.pk, **network.doing_as(network.dee))
    assert Update.objects.filter(published_at__isnull=False).count() == 2


def test_a_template_as_it_stands_needs_nobody_and_other_words_do(network: Network) -> None:
    template = actions.save_statement_template(
        brand_id=network.brand.pk, name="Found", goes_to="identified", texts={"en-gb": "It is a part of ours."},
        **network.doing_as(network.dee),
    )  # fmt: skip
    outage = network.outage()
    said = {"outage_id": outage.pk, "state": "identified", "template_id": template.pk}
    as_it_stands = actions.write_update(texts={}, **said, **network.doing_as(network.eve))
    assert (as_it_stands.published_at, as_it_stands.approved_by) == (network.at, "Found")
    changed = actions.write_update(texts={"en-gb": "It is a rat."}, **said, **network.doing_as(network.eve))
    assert changed.published_at is None


def test_two_who_write_at_once_both_count_and_what_was_written_before_the_later_waits_no_more(network: Network) -> None:
    outage = network.outage()
    waits = network.says(outage, "First.", by=network.eve)
    network.says(outage, "Second.", "identified", by=network.dee)
    waits.refresh_from_db()
    assert waits.dropped_at == network.at
    with pytest.raises(IllegalTransition, match="in its place"):
        actions.approve_update(update_id=waits.pk, **network.doing_as(network.dee))


@pytest.mark.parametrize("text", ["", "{{ customer }} is down", "x" * 2001])
def test_a_statement_that_cannot_be_told_is_refused(network: Network, text: str) -> None:
    with pytest.raises(Invalid):
        network.says(network.outage(), text)


# --- Late ------------------------------------------------------------------------------------------------------------


def test_a_late_update_is_asked_of_the_voice_then_the_desk_then_its_manager_and_never_of_the_fixer(
    network: Network,
) -> None:
    desk = network.team_of_the_desk()
    actions.save_outage_rules(brand_id=network.brand.pk, fields={"desk_id": desk.pk}, **network.doing)
    outage = network.outage()
    fields = {"fixer_id": network.eve.pk}
    actions.edit_outage(outage_id=outage.pk, fields=fields, **network.doing_as(network.dee))
    network.says(outage, "We know of it.", next_at=network.at + timedelta(minutes=30))
    network.minutes(24)
    assert network.texts_to(network.dee) == []
    network.minutes(2)
    (asked,) = network.texts_to(network.dee)
    assert asked.count("An update of O-1001 is due: Switch is down") == 2, "the mail's subject, and all of a text"
    assert 'Reply 1 to send: "No change: we are still working on it. Next update by 12:55 GMT."' in asked
    network.minutes(10)
    assert [len(network.texts_to(who)) for who in (network.dee, network.fay, network.max, network.eve)] == [3, 1, 0, 0]
    network.minutes(5)
    assert len(network.texts_to(network.max)) == 1
    network.minutes(30)
    assert [len(network.texts_to(who)) for who in (network.max, network.eve)] == [4, 0]


def test_one_key_of_the_voice_says_that_nothing_has_changed(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "We know of it.", next_at=network.at + timedelta(minutes=30))
    due = network.at + timedelta(minutes=30)
    network.minutes(31)
    doing = network.doing_as(network.dee, Door.SMS)
    said = answer_no_change(f"{outage.pk}@{due.isoformat()}", "", **doing)
    network.work()
    latest = queries.latest_update(outage.pk)
    assert latest is not None
    assert (said, latest.texts["en-gb"]) == ("Sent for O-1001.", "No change: we are still working on it.")
    assert latest.next_at == decide.next_mark(network.at, timedelta(minutes=30))
    answer_no_change(f"{outage.pk}@{due.isoformat()}", "", **doing)
    assert Update.objects.filter(outage=outage).count() == 2


def test_nobody_is_asked_once_it_is_over(network: Network) -> None:
    outage = network.outage()
    network.says(outage, "Over.", "resolved")
    before = network.texts_to(network.dee)
    network.minutes(120)
    assert network.texts_to(network.dee) == before


# --- From alarms -----------------------------------------------------------------------------------------------------


def alarm(network: Network, component: str = "ACCESS-1") -> Page:
    page = paging.trigger_page(
        brand_id=network.brand.pk, title="Switch is down", priority="P1", component=component, **network.doing
    )
    network.work()
    return page


def test_an_alarm_about_a_part_proposes_an_outage_once_and_its_end_takes_the_proposal_back(network: Network) -> None:
    page = alarm(network)
    alarm(network)
    alarm(network, "something else")
    outage = Outage.objects.get()
    assert (outage.state, outage.page, outage.severity) == ("proposed", page, "critical")
    paging.resolve_page(page_id=page.pk, **network.doing_as(network.eve))
    network.work()
    outage.refresh_from_db()
    assert outage.state == "withdrawn"
    assert Delivery.objects.filter(recipient_kind="contact").count() == 0


def test_whoever_takes_the_page_is_the_fixer_and_only_then_an_engineer_works_on_it(network: Network) -> None:
    page = alarm(network)
    outage = Outage.objects.get()
    actions.confirm_outage(outage_id=outage.pk, **network.doing_as(network.dee))
    before = network.says(outage, "We know of it. {{ engineer }}", by=network.max)
    paging.acknowledge_page(page_id=page.pk, **network.doing_as(network.eve))
    network.work()
    after = network.says(outage, "We know of it. {{ engineer }}", by=network.max)
    assert before.texts == {"en-gb": "We know of it."}
    assert after.texts == {"en-gb": "We know of it. An engineer is working on it."}


def rule(network: Network, **more: object) -> None:
    template = actions.save_statement_template(
        brand_id=network.brand.pk, name="Hold", goes_to="investigating", holding=True,
        texts={"en-gb": "We are looking into {{ what }}."}, **network.doing,
    )  # fmt: skip
    actions.save_confirm_rule(
        brand_id=network.brand.pk,
        part_ids=[network.access.pk],
        template_id=template.pk,
        **more,
        **network.doing,  # type: ignore[arg-type]
    )


def test_a_rule_confirms_an_outage_whose_alarm_stands_and_nobody_had_to_type(network: Network) -> None:
    rule(network, public=True, public_title="Lines in Dock Street")
    alarm(network)
    assert Outage.objects.get().state == "proposed"
    network.minutes(0.25)
    outage = Outage.objects.get()
    assert (outage.state, outage.public) == ("investigating", True)
    latest = queries.latest_update(outage.pk)
    assert latest is not None
    assert network.told(latest)["Cleo", "sms"].strip() == (
        "Quayside: Internet line L-1 does not work. We are looking into Dock Street. Next update by 12:35 GMT."
    )


def test_an_alarm_that_flaps_confirms_nothing(network: Network) -> None:
    rule(network)
    page = alarm(network)
    paging.resolve_page(page_id=page.pk, **network.doing)
    network.minutes(5)
    assert Outage.objects.get().state == "withdrawn"


def test_a_rule_does_not_tell_more_people_than_it_may(network: Network) -> None:
    rule(network)
    actions.save_outage_rules(brand_id=network.brand.pk, fields={"preview_people": 2}, **network.doing)
    alarm(network)
    network.minutes(5)
    assert Outage.objects.get().state == "proposed"


def test_a_false_alarm_is_taken_back_before_the_same_people(network: Network) -> None:
    outage = network.outage()
    first = network.says(outage, "We know of it.")
    network.minutes(2)
    actions.withdraw_outage(outage_id=outage.pk, **network.doing_as(network.dee))
    network.work()
    last = queries.latest_update(outage.pk)
    assert last is not None
    assert last.kind == "withdrawal"
    assert set(network.told(last)) == set(network.told(first))
    assert "there is no fault" in network.told(last)["Cleo", "sms"]


def test_a_false_alarm_is_taken_back_in_each_language_in_which_it_was_raised(network: Network) -> None:
    Customer.objects.filter(pk=network.bolt.pk).update(language="de")
    outage = network.outage()
    doing = network.doing_as(network.dee)
    known = {"en-gb": "We know of it.", "de": "Wir wissen davon."}
    first = actions.write_update(outage_id=outage.pk, state="investigating", texts=known, **doing)
    network.work()
    network.minutes(2)
    wrong = {"en-gb": "There was none.", "de": "Es war keine."}
    actions.withdraw_outage(outage_id=outage.pk, texts=wrong, **network.doing_as(network.dee))
    network.work()
    last = queries.latest_update(outage.pk)
    assert last is not None
    for update, texts in ((first, known), (last, wrong)):
        told = network.told(update)
        assert set(told) == {(name, channel) for name in ("Cleo", "Ben", "Bea") for channel in ("email", "sms")}
        for (name, _channel), said in told.items():
            assert texts["en-gb" if name == "Cleo" else "de"] in said


def test_who_can_be_reached_only_since_it_began_hears_the_end_as_well(network: Network) -> None:
    cleo, bea = Contact.objects.get(name="Cleo"), Contact.objects.get(name="Bea")
    Contact.objects.filter(pk=cleo.pk).update(email="", mobile="", mobile_verified_at=None)
    Contact.objects.filter(pk=bea.pk).update(mobile="", mobile_verified_at=None)
    outage = network.outage()
    began = network.told(network.says(outage, "We know of it."))
    assert set(began) == {("Ben", "email"), ("Ben", "sms"), ("Bea", "email")}
    network.minutes(1)
    Contact.objects.filter(pk=cleo.pk).update(email="cleo@acme.example")
    Contact.objects.filter(pk=bea.pk).update(mobile="+447700918888", mobile_verified_at=network.at)
    network.contact(network.bolt, "Newcomer", mobile=False)
    ended = network.told(network.says(outage, "All is well.", "resolved"))
    # Who was told before is told there again; who was not, by whatever there is of them now.
    assert set(ended) == {*began, ("Cleo", "email"), ("Newcomer", "email")}


def test_affected_customers_are_counted_with_the_worst_that_it_was(network: Network) -> None:
    outage = network.outage()
    actions.set_failed_parts(
        outage_id=outage.pk, parts={network.access.pk: Effect.DEGRADED}, **network.doing_as(network.eve)
    )
    rows = set(Affected.objects.values_list("customer__name", "effect", "worst", "services"))
    assert rows == {("Acme", 2, 3, 1), ("Bolt", 2, 3, 1)}


def test_each_time_that_it_was_down_is_on_record_and_what_was_less_is_none_of_them(network: Network) -> None:
    outage = network.outage()

    def becomes(effect: Effect, after: int) -> None:
        network.minutes(after)
        parts = {network.access.pk: effect}
        actions.set_failed_parts(outage_id=outage.pk, parts=parts, **network.doing_as(network.eve))

    becomes(Effect.DEGRADED, 10)
    becomes(Effect.REDUCED, 5)
    becomes(Effect.DOWN, 15)
    network.minutes(5)
    network.says(outage, "It works again.", "resolved")
    network.minutes(60)
    for row in Touched.objects.all():
        assert (row.worst, row.effect, row.down_at[0], row.down_at[-1]) == (3, 0, row.since, row.until)
        at = [round((turn - row.down_at[-1]).total_seconds() / 60) for turn in row.down_at]
        assert at[1:] == [-25, -5, 0]
        assert sum((end - start for start, end in stretches_down(row.down_at, network.at)), timedelta(0)) == (
            row.until - row.since - timedelta(minutes=20)
        )
        assert stretches_down(row.down_at, row.down_at[1] - timedelta(minutes=1))[-1][1] < row.down_at[1]
        assert stretches_down(row.down_at, row.since) == []


@pytest.mark.parametrize("state", decide.State)
@pytest.mark.parametrize("to", decide.State)
def test_every_pair_of_states(network: Network, state: str, to: str) -> None:
    outage = network.outage()
    over = state in decide.OVER
    Outage.objects.filter(pk=outage.pk).update(
        state=state,
        resolved_at=network.at if over else None,
        confirmed_at=None if state == "proposed" else network.at,
        next_update_at=None,
    )
    allowed = decide.may_lead(decide.State(state), decide.State(to)) and (state != "proposed" or to == "withdrawn")
    if allowed:
        network.says(outage, "So it is.", to)
        outage.refresh_from_db()
        assert outage.state == to
    else:
        with pytest.raises(IllegalTransition):
            network.says(outage, "So it is.", to)
