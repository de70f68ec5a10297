"""One click in a mail ends a public subscription, or a contact's own notices; of an address that many read its owner decides."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.refusals import IllegalTransition
from nightdesk.channels.links import make_unsubscribe_link
from nightdesk.channels.mail_answers import take_report
from nightdesk.channels.models import Delivery, Message
from nightdesk.customers.models import Contact
from nightdesk.journal.models import Entry
from nightdesk.mailroom.reports import read_reports
from nightdesk.outages.actions import save_outage_rules
from nightdesk.outages.models import Outage, Subscriber, UnsubscribeRequest
from nightdesk.outages.role_address import is_role_address
from nightdesk.outages.tests.company import Network
from nightdesk.outages.unsubscribe_actions import decide_unsubscribe
from nightdesk.people import actions as people
from nightdesk.people.models import Person

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)


@pytest.fixture
def reader() -> Subscriber:
    cache.clear()
    brand = Brand.objects.create(name="Quayside", slug=f"q-{uuid4().hex[:6]}")
    return Subscriber.objects.create(
        brand=brand, email="al@harbour.example", secret=uuid4().hex, asked_at=AT, confirmed_at=AT
    )


def url(subscriber_id: object) -> str:
    return "/u/" + make_unsubscribe_link(f"subscriber:{subscriber_id}").rpartition("/u/")[2]


def test_a_look_ends_nothing_and_names_nobody(reader: Subscriber) -> None:
    page = Client().get(url(reader.pk)).content.decode()
    reader.refresh_from_db()
    assert "Quayside" in page
    assert reader.email not in page
    assert reader.ended_at is None


def test_a_click_ends_it_once(reader: Subscriber) -> None:
    for _ in range(2):
        assert Client().post(url(reader.pk), {"List-Unsubscribe": "One-Click"}).status_code == 200
    ended_at = Subscriber.objects.get(pk=reader.pk).ended_at
    assert ended_at is not None


@pytest.mark.parametrize("stranger", [10**9, "x", "-1", ""])
def test_who_is_none_is_refused(stranger: object) -> None:
    cache.clear()
    assert Client().post(url(stranger)).status_code == 404


def complaint(kind: str, row: Delivery) -> bytes:
    """What a mailbox provider's feedback loop says (RFC 5965); whose complaint it is they keep to themselves."""
    return (
        "From: fbl@mailbox.example\r\nTo: bounce@quay.example\r\nSubject: Complaint\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n"
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: Loop/1.0\r\n"
        "Version: 1\r\nOriginal-Rcpt-To: <redacted>\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Subject: Your services do not work\r\nMessage-ID: <{row.id}@quay.example>\r\n\r\nWe know of it.\r\n--b--\r\n"
    ).encode()


class TestNoticesOfWhatTheyBuy:
    """A contact's mail says where to unsubscribe too; but what a contract promises does not end by one of many readers."""

    @pytest.fixture
    def network(self) -> Network:
        cache.clear()
        made = Network()
        made.acme = made.customer("Acme", "Cleo", "Carl", full=True)
        return made

    def click(self, network: Network, contact: Contact) -> str:
        """What the mail program is answered."""
        link = make_unsubscribe_link(f"contact:{contact.pk}").rpartition("/u/")[2]
        with clock.replaced_by(lambda: network.at):
            said = Client().post(f"/u/{link}", {"List-Unsubscribe": "One-Click"})
        assert said.status_code == 200
        return said.content.decode()

    def mailed(self, network: Network, outage: Outage) -> set[str]:
        network.minutes(1)
        told = network.told(network.says(outage, "We look into it.", by=network.max))
        return {name for name, channel in told if channel == "email"}

    def named(self, network: Network, name: str, email: str = "") -> Contact:
        found = Contact.objects.get(customer=network.acme, name=name)
        if email:
            Contact.objects.filter(pk=found.pk).update(email=email)
        return found

    def test_their_mails_alone_say_where(self, network: Network) -> None:
        network.says(network.outage(), "We know of it.")
        rows = Delivery.objects.filter(recipient_kind="contact")
        said = {(row.channel, row.values.get("unsubscribe", "").partition(":")[0]) for row in rows}
        assert said == {("email", "contact"), ("sms", "")}

    def test_ones_own_end_at_once_and_the_end_of_what_one_was_told_is_still_told(self, network: Network) -> None:
        outage = network.outage()
        assert self.mailed(network, outage) == {"Cleo", "Carl"}
        assert "No more notices of Quayside go to you" in self.click(network, self.named(network, "Cleo"))
        self.click(network, self.named(network, "Cleo"))
        assert self.mailed(network, outage) == {"Carl"}
        ended = network.told(network.says(outage, "It works.", "resolved", by=network.max))
        assert {name for name, channel in ended if channel == "email"} == {"Cleo", "Carl"}

    @pytest.mark.parametrize("kind", ["abuse", "opt-out", "not-spam"])
    def test_marking_a_mail_as_junk_is_as_the_click(self, network: Network, kind: str) -> None:
        outage = network.outage()
        assert self.mailed(network, outage) == {"Cleo", "Carl"}
        cleo = self.named(network, "Cleo")
        row = Delivery.objects.get(channel="email", recipient_id=str(cleo.pk))
        reports = read_reports(complaint(kind, row))
        taken = [take_report(None, report, "", network.at) for report in reports]  # type: ignore[arg-type]
        if kind == "not-spam":
            assert taken == []
            assert self.mailed(network, outage) == {"Cleo", "Carl"}
            return
        (said,) = taken
        assert said is not None
        assert said.outcome.startswith(f"{row.address}: complained. No more notices of Quayside go to you")
        assert self.mailed(network, outage) == {"Carl"}
        row.refresh_from_db()
        assert row.state == "queued", "it is no bounce"

    def test_a_roles_address_goes_on_until_its_owner_agrees_and_clicks_ask_once(self, network: Network) -> None:
        noc = self.named(network, "Cleo", "noc@acme.example")
        outage = network.outage()
        for _ in range(3):
            assert "Until they agree" in self.click(network, noc)
        row = UnsubscribeRequest.objects.get()
        assert self.mailed(network, outage) == {"Cleo", "Carl"}
        decide = {"request_id": row.pk, **network.doing_as(network.dee)}
        decide_unsubscribe(agreed=False, **decide)
        assert self.mailed(network, outage) == {"Cleo", "Carl"}
        with pytest.raises(IllegalTransition):
            decide_unsubscribe(agreed=True, **decide)
        self.click(network, noc)
        again = UnsubscribeRequest.objects.get(decided_at=None)
        decide_unsubscribe(request_id=again.pk, agreed=True, **network.doing_as(network.dee))
        assert self.mailed(network, outage) == {"Carl"}

    def test_the_last_who_is_told_and_a_shared_address_do_not_end_it_for_the_company(self, network: Network) -> None:
        cleo, carl = self.named(network, "Cleo", "mail@acme.example"), self.named(network, "Carl", "MAIL@acme.example")
        assert "Until they agree" in self.click(network, cleo)
        Contact.objects.filter(pk=carl.pk).update(email="carl@acme.example")
        assert "No more notices" in self.click(network, cleo)
        assert "Until they agree" in self.click(network, carl)

    def test_where_nobody_there_keeps_contacts_our_desk_is_asked(self, network: Network) -> None:
        save_outage_rules(brand_id=network.brand.pk, fields={"desk_id": network.team_of_the_desk().pk}, **network.doing)
        add_mail(network.dee, network)
        self.click(network, self.named(network, "Cleo", "noc@acme.example"))
        asked = Message.objects.get(kind="unsubscribe.asked")
        assert asked.title == "Shall noc@acme.example of Acme get no more notices?"
        assert "@" not in str([entry.facts for entry in Entry.objects.filter(kind__startswith="unsubscribe")])

    def test_the_reader_is_answered_in_their_browsers_language_and_our_desk_told_in_ours(
        self, network: Network
    ) -> None:
        save_outage_rules(brand_id=network.brand.pk, fields={"desk_id": network.team_of_the_desk().pk}, **network.doing)
        add_mail(network.dee, network)
        noc = self.named(network, "Cleo", "noc@acme.example")
        reader = Client(headers={"accept-language": "fr-FR,fr;q=0.9"})
        link = make_unsubscribe_link(f"contact:{noc.pk}").rpartition("/u/")[2]
        with clock.replaced_by(lambda: network.at):
            said = reader.post(f"/u/{link}").content.decode()
        assert '<html lang="fr"' in said
        assert "votre entreprise" in said
        assert "Until they agree" not in said
        asked = Message.objects.get(kind="unsubscribe.asked")
        assert asked.title == "Shall noc@acme.example of Acme get no more notices?"
        assert translation.get_language() == "en-gb"

    def test_a_public_subscription_of_a_customers_role_address_is_its_owners_too(self, network: Network) -> None:
        noc = self.named(network, "Cleo", "noc@acme.example")
        rows = {
            email: Subscriber.objects.create(
                brand=network.brand, email=email, secret=uuid4().hex, asked_at=AT, confirmed_at=AT
            )
            for email in ("NOC@acme.example", "carl@acme.example", "support@stranger.example")
        }
        said = {email: Client().post(url(row.pk)).content.decode() for email, row in rows.items()}
        assert ["Until they agree" in words for words in said.values()] == [True, False, False]
        open_now = set(Subscriber.objects.filter(ended_at=None).values_list("email", flat=True))
        assert open_now == {"NOC@acme.example"}
        row = UnsubscribeRequest.objects.get(contact=noc)
        decide_unsubscribe(request_id=row.pk, agreed=True, **network.doing_as(network.dee))
        assert not Subscriber.objects.filter(ended_at=None).exists()
        assert self.mailed(network, network.outage()) == {"Cleo", "Carl"}, "their own notices are another question"


def add_mail(person: Person, network: Network) -> None:
    method = people.add_contact_method(
        person_id=person.pk, channel="email", address="dee@quay.example", **network.doing
    )
    people.confirm_contact_method(method_id=method.pk, **network.doing)
    people.set_notify_rules(person_id=person.pk, rules=[people.RuleWanted("low", method.pk)], **network.doing)


@pytest.mark.parametrize(
    ("address", "is_role"),
    [
        ("noc@x.example", True),
        ("NOC-UK+outages@x.example", True),
        ("it.support@x.example", True),
        ("service-desk@x.example", True),
        ("al.brown@x.example", False),
        ("nocturne@x.example", False),
        ("@x.example", False),
        ("", False),
    ],
)
def test_a_role_is_told_by_its_name(address: str, is_role: bool) -> None:
    assert is_role_address(address) is is_role
