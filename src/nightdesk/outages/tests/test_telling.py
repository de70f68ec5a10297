"""What is seen before an update is sent, and what is known of it afterwards."""

from datetime import timedelta
from decimal import Decimal

import pytest

from nightdesk.base.refusals import Invalid
from nightdesk.channels import actions as channels
from nightdesk.channels.models import Delivery, Route
from nightdesk.customers import actions as customers
from nightdesk.customers.models import Customer
from nightdesk.journal.models import Entry
from nightdesk.outages import actions, queries, report
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Need, Outage, Reach, Subscriber, Touched, Update
from nightdesk.outages.preview import Draft, Preview, preview_of
from nightdesk.outages.tests.company import NIGHT, Network

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(db: None) -> Network:
    made = Network()
    made.acme = made.customer("Acme", "Cleo", full=True)
    made.bolt = made.customer("Bolt", "Ben", "Bea")
    return made


def preview(network: Network, outage: Outage, text: str = "We know of it.", **more: object) -> Preview:
    draft = Draft("investigating", {"en-gb": text}, next_at=network.at + timedelta(minutes=30), **more)  # type: ignore[arg-type]
    return preview_of(outage, draft, network.at)


def test_what_is_shown_before_is_what_is_sent_to_the_letter_and_to_the_number(network: Network) -> None:
    outage = network.outage()
    before = preview(network, outage)
    told = network.told(network.says(outage, "We know of it.", next_at=network.at + timedelta(minutes=30)))
    shown = {(one.channel, one.reader): f"{one.title}\n{one.text}" for one in before.samples}
    assert shown["sms", "Acme"].strip() == told["Cleo", "sms"].strip()
    assert shown["email", "Acme"].split() == told["Cleo", "email"].split()
    assert (before.people, before.customers, before.mails, before.texts) == (3, 2, 3, 3)
    assert len(told) == before.mails + before.texts


def test_no_gap_is_left_for_what_an_update_does_not_say(network: Network) -> None:
    outage = network.outage()
    first = network.told(network.says(outage, "We know of it.", next_at=network.at + timedelta(minutes=30)))
    assert "We know of it.\n\nNext update by 12:30 GMT." in first["Cleo", "email"]
    assert "\n\n\n" not in first["Cleo", "email"]
    network.minutes(5)
    end = network.told(network.says(outage, "All is well.", "resolved"))
    assert end["Cleo", "sms"].strip() == "Quayside: Your services work again. All is well."
    assert "All is well." in end["Cleo", "email"]
    assert "  " not in end["Cleo", "email"]


def test_texts_are_counted_in_parts_with_their_price_and_how_long_a_provider_takes(network: Network) -> None:
    route = channels.save_route(
        channel="sms", driver="outbox", name="Texts", config={}, brand_id=network.brand.pk, **network.doing
    )
    Route.objects.filter(pk=route.pk).update(config={"price": "0.04", "currency": "GBP", "per_second": 1})
    shown = preview(network, network.outage(), "We know of it. " * 10)
    assert (shown.texts, shown.text_parts, shown.is_counted) == (3, 6, True)
    assert shown.cost is not None
    assert (shown.cost.price, shown.cost.currency) == (Decimal("0.24"), "GBP")
    assert shown.seconds == 6


def test_a_text_that_is_too_long_is_shown_as_it_is_cut(network: Network) -> None:
    text = next(one for one in preview(network, network.outage(), "Long words. " * 60).samples if one.channel == "sms")
    assert (text.is_cut, text.parts) == (True, 3)


def test_whose_mail_runs_over_the_fault_is_counted_and_so_is_who_cannot_be_told(network: Network) -> None:
    network.at = NIGHT
    lone = network.customer("Cask")
    line = network.bolt.subscriptions.get()
    Reach.objects.create(customer=network.bolt, channel="email", subscription=line)
    outage = network.outage()
    shown = preview(network, outage)
    assert (shown.diverted, shown.untold_customers) == (2, 1)
    assert [row.customer for row in report.untold(outage, network.at)] == [lone]


def test_a_quiet_word_is_sent_to_nobody_and_costs_nothing(network: Network) -> None:
    shown = preview(network, network.outage(), quiet=True)
    assert (shown.people, shown.texts, shown.cost, shown.seconds) == (0, 0, None, None)
    assert shown.samples


def test_the_public_reads_the_public_words(network: Network) -> None:
    outage = network.outage()
    Outage.objects.filter(pk=outage.pk).update(public=True, public_title="Lines in Dock Street")
    Subscriber.objects.create(
        brand=network.brand, email="sub@example.net", secret="s", asked_at=network.at, confirmed_at=network.at
    )
    outage.refresh_from_db()
    public = preview(network, outage).samples[-1]
    assert (public.effect, public.count, public.title) == (None, 1, "Quayside: Lines in Dock Street (Investigating)")


def test_what_the_record_does_not_support_is_warned_of(network: Network) -> None:
    shown = preview(network, network.outage(), "Our engineers are working on it.")
    assert len(shown.unsupported) == 1


def test_it_is_told_only_by_who_vouches_for_it_and_the_record_has_it_from_them(network: Network) -> None:
    outage = network.outage()
    for text in ("Our engineers are on their way.", "It was caused by a fuse.", "The switch was replaced."):
        with pytest.raises(Invalid) as refused:
            network.says(outage, text)
        assert refused.value.extra["field"] == "vouched"
    assert not outage.updates.exists()
    vouched = network.says(outage, "Our engineers are on their way.", vouched=True)
    written = Entry.objects.get(kind="outage.update-written", subject_id=str(outage.pk))
    assert written.facts["vouched"] == ["“engineers are on their way”: nobody has said yet that they work on it."]
    assert vouched.written_by == "Dee"
    # Somebody fixes it, and it is identified: nobody has to vouch any more.
    actions.edit_outage(outage_id=outage.pk, fields={"fixer_id": network.eve.pk}, **network.doing_as(network.dee))
    network.says(outage, "Our engineers are at the fuse.")
    network.says(outage, "It was caused by a fuse. The switch was replaced.", "identified")
    assert outage.updates.count() == 3


def test_it_is_found_in_each_language_and_whatever_language_it_is_said_to_be_in(network: Network) -> None:
    outage = network.outage()
    for language in ("de", "fr", "es", "nl-be", "en-gb"):
        texts = {"en-gb": "We know of it.", language: "Unsere Techniker sind unterwegs."}
        shown = preview_of(outage, Draft("investigating", texts), network.at)
        assert shown.unsupported == ("“Techniker sind unterwegs”: nobody has said yet that they work on it.",)
        with pytest.raises(Invalid, match="Techniker sind unterwegs"):
            write(network, outage, texts)
    assert not outage.updates.exists()


def test_a_statement_that_nobody_can_check_is_vouched_for_whole_until_the_record_supports_everything(
    network: Network,
) -> None:
    outage = network.outage()
    texts = {"en-gb": "We know of it.", "pl": "Wiemy o awarii."}
    with pytest.raises(Invalid, match="“pl” of people and causes is not checked"):
        write(network, outage, texts)
    assert write(network, outage, texts, vouched=True).published_at == network.at
    actions.edit_outage(outage_id=outage.pk, fields={"fixer_id": network.eve.pk}, **network.doing_as(network.dee))
    with pytest.raises(Invalid, match="not checked"):
        write(network, outage, texts)
    assert write(network, outage, texts, "identified").published_at == network.at


def test_our_own_words_need_nobody_in_whatever_language_they_are(network: Network) -> None:
    Customer.objects.filter(pk=network.bolt.pk).update(language="pl")
    outage = network.outage()
    network.says(outage, "We know of it.")
    actions.withdraw_outage(outage_id=outage.pk, **network.doing_as(network.dee))
    outage.refresh_from_db()
    assert outage.state == "withdrawn"


def test_a_holding_statement_claims_nothing_since_it_goes_by_itself(network: Network) -> None:
    def keep(text: str, *, holding: bool) -> None:
        actions.save_statement_template(
            brand_id=network.brand.pk, name=text[:80], goes_to="investigating", holding=holding,
            texts={"en-gb": "We look into it.", "de": text}, **network.doing_as(network.dee),
        )  # fmt: skip

    keep("Ein Techniker ist unterwegs.", holding=False)
    keep("Wir sehen nach. {{ engineer }} {{ found }}", holding=True)
    with pytest.raises(Invalid, match="Techniker ist unterwegs"):
        keep("Unser Techniker ist unterwegs.", holding=True)


def write(
    network: Network, outage: Outage, texts: dict[str, str], state: str = "investigating", **more: bool
) -> Update:
    return actions.write_update(outage_id=outage.pk, state=state, texts=texts, **more, **network.doing_as(network.dee))


def test_words_that_cannot_be_told_have_no_preview(network: Network) -> None:
    with pytest.raises(Invalid):
        preview(network, network.outage(), "{{ customer }} is down")


@pytest.mark.parametrize("more", [2, 3])
def test_what_is_spoken_of_many_services_is_what_is_written_of_them(network: Network, more: int) -> None:
    for number in range(more):
        network.needs(network.buys(network.acme, network.line, f"X-{number}"), network.access)
    network.buys(network.acme, network.mail)
    outage = network.outage()
    spoken = " ".join(queries.words_in_short(outage, network.acme.pk, "en-gb"))
    if more == 3:
        assert spoken == "4 of your 5 services do not work."
    assert spoken in network.told(network.says(outage, "We know of it."))["Cleo", "sms"]


def test_the_report_says_who_was_told_what_and_what_became_of_it(network: Network) -> None:
    outage = network.outage()
    update = network.says(outage, "We know of it.")
    Delivery.objects.filter(channel="sms").update(state="failed", ended_at=network.at, reason="no such number")
    rows = list(report.told(outage.pk))
    assert [(row.customer, row.recipient, row.channel, row.state) for row in rows] == [
        ("Acme", "Cleo", "email", "queued"),
        ("Acme", "Cleo", "sms", "failed"),
        ("Bolt", "Bea", "email", "queued"),
        ("Bolt", "Bea", "sms", "failed"),
        ("Bolt", "Ben", "email", "queued"),
        ("Bolt", "Ben", "sms", "failed"),
    ]
    assert {row.update for row in rows} == {update.number}
    assert {row.recipient for row in report.told(outage.pk, words="bolt", how="lost")} == {"Ben", "Bea"}
    assert [row.recipient for row in report.told(outage.pk, start=4, most=1)] == ["Ben"]
    progress = report.progress_of(outage.pk)[update.pk]
    assert (progress.count, progress.done, progress.lost) == (6, 3, 3)
    assert report.progress_of(outage.pk).keys() == {update.pk}
    assert network.acme.affected.get().effect_told == Effect.DOWN


def test_who_buys_it_no_more_is_told_nothing_and_what_they_lost_until_then_stays(network: Network) -> None:
    outage = network.outage()
    assert {name for name, _channel in network.told(network.says(outage, "We know of it."))} == {"Cleo", "Ben", "Bea"}
    line = network.bolt.subscriptions.get()
    Reach.objects.create(customer=network.bolt, channel="email", subscription=line)
    network.at += timedelta(minutes=20)
    ended_at = network.at
    customers.end_subscription(subscription_id=line.pk, **network.doing)
    # At once, before anything has followed: nobody is told, nothing is said to be wrong.
    assert {one.reader for one in preview(network, outage).samples} == {"Acme"}
    assert queries.words_for(outage, network.bolt.pk, "en-gb") == []
    assert line.pk not in queries.graph_of_brand(network.brand.pk).bought
    network.minutes(5)
    assert not Reach.objects.exists()
    assert not Need.objects.filter(subscription=line).exists()
    assert queries.told_to(network.bolt.pk) == []
    assert {name for name, _channel in network.told(network.says(outage, "It is a fibre."))} == {"Cleo"}
    touched = Touched.objects.get(outage=outage, subscription=line)
    assert (touched.effect, touched.until, touched.down_at) == (0, ended_at, [outage.began_at, ended_at])
    # An outage that is reckoned anew, and one that begins, do not touch it.
    actions.set_failed_parts(outage_id=outage.pk, parts={network.core.pk: 3}, **network.doing_as(network.dee))
    assert Touched.objects.get(outage=outage, subscription=line).until == ended_at
    assert not Touched.objects.filter(outage=network.outage(network.left, network.right), subscription=line).exists()
    # They buy it anew, and hear of it as anybody does.
    network.needs(network.buys(network.bolt, network.line, "L-1"), network.access)
    actions.set_failed_parts(outage_id=outage.pk, parts={network.access.pk: 3}, **network.doing_as(network.dee))
    assert {name for name, _channel in network.told(network.says(outage, "Still."))} == {"Cleo", "Ben", "Bea"}
    anew = Touched.objects.get(outage=outage, subscription=network.bolt.subscriptions.get())
    assert anew.since == network.bolt.subscriptions.get().made_at, "they went without it only since they bought it"
