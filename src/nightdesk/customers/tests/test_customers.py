import json
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.access import actions as access
from nightdesk.access.queries import OPERATOR
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import Forbidden, Invalid, NotFound
from nightdesk.customers import actions, queries
from nightdesk.customers.actions import Counts
from nightdesk.customers.csv_import import COLUMNS, plan_import
from nightdesk.customers.hours import BadHours
from nightdesk.customers.models import Contact, Contract, Customer, Hours, Peer, Service, Subscription
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import Reason
from nightdesk.customers.stored import BadTargets
from nightdesk.journal.models import Entry, PersonalText
from nightdesk.people.numbers import BadNumber

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 3, 0, 0, 713, tzinfo=UTC)
"""A Friday, three at night."""
HERE = {"by": OPERATOR, "via": Door.CLI, "at": AT}
WORKDAYS = [[["09:00", "17:30"]]] * 5 + [[], []]
HEADER = ",".join(COLUMNS) + "\n"


def kinds() -> list[str]:
    return list(Entry.objects.filter(at=AT).exclude(kind="brand.made").order_by("id").values_list("kind", flat=True))


@pytest.fixture
def house() -> SimpleNamespace:
    """A brand with office hours, a service, and one customer without a contract."""
    brand = access.make_brand(name="North", slug="north", **HERE)
    hours = actions.make_hours(
        brand_id=brand.pk,
        fields={"name": "Office", "zone": "Europe/London", "week": WORKDAYS, "nation": "gb", "subdivision": "eng"},
        **HERE,
    )
    return SimpleNamespace(
        brand=brand,
        hours=hours,
        service=actions.make_service(brand_id=brand.pk, key="mail", name="Mail cluster", **HERE),
        customer=actions.make_customer(brand_id=brand.pk, name="Acme", ref="C-1", **HERE),
    )


def contract(house: SimpleNamespace, name: str = "Gold", **fields: object) -> Contract:
    wanted = {"hours_id": house.hours.pk, "valid_from": date(2026, 1, 1), **fields}
    return actions.make_contract(customer_id=house.customer.pk, name=name, **wanted, **HERE)


class TestWhatIsPromised:
    def test_nothing_without_a_contract_or_a_customer(self, house):
        for customer_id in (house.customer.pk, None, 10**9):
            assert queries.promised_now(customer_id, Priority.P1, AT).reason is Reason.NO_CONTRACT

    def test_the_contract_decides_who_is_woken_and_by_when(self, house, django_assert_num_queries):
        contract(
            house, out_of_hours="full", may_wake=["P1"], targets={"P1": {"respond": "PT30M"}, "P2": {"fix": "PT8H"}}
        )
        with django_assert_num_queries(1):
            woken = queries.promised_now(house.customer.pk, Priority.P1, AT)
        assert (woken.reason, woken.may_page_now) == (Reason.OUT_OF_HOURS_COVERED, True)
        assert woken.respond_by == AT + timedelta(minutes=30)
        waits = queries.promised_now(house.customer.pk, Priority.P2, AT)
        assert (waits.reason, waits.may_page_now) == (Reason.OUT_OF_HOURS_PRIORITY_WAITS, False)
        assert waits.fix_by == datetime(2026, 11, 20, 17, 0, tzinfo=UTC)

    def test_a_kind_of_work_can_be_no_job_for_the_night(self, house):
        contract(house, may_wake=["P1"], not_at_night=["migration"])
        assert queries.promised_now(house.customer.pk, Priority.P1, AT, "migration").reason is Reason.NOT_A_NIGHT_JOB

    def test_its_days_begin_at_midnight_by_the_clocks_of_the_hours(self, house):
        actions.edit_hours(hours_id=house.hours.pk, changes={"zone": "America/New_York"}, **HERE)
        contract(house, may_wake=["P1"], valid_from=date(2026, 7, 1), valid_until=date(2026, 12, 1))
        edges = [datetime(2026, 7, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)]
        second = timedelta(seconds=1)

        def valid(at: datetime) -> bool:
            return queries.promised_now(house.customer.pk, Priority.P1, at).reason is not Reason.CONTRACT_NOT_VALID

        assert [valid(edges[0] - second), valid(edges[0]), valid(edges[1] - second), valid(edges[1])] == [
            False, True, True, False,
        ]  # fmt: skip

    def test_one_contract_follows_another_without_a_gap(self, house):
        contract(house, "Old", valid_until=date(2026, 11, 20))
        contract(house, "New", may_wake=["P1"], valid_from=date(2026, 11, 20))
        for at, may_page in ((AT - timedelta(hours=4), False), (AT, True)):
            cover = queries.promised_now(house.customer.pk, Priority.P1, at)
            assert (cover.may_page_now, cover.reason is Reason.CONTRACT_NOT_VALID) == (may_page, False)

    def test_edited_hours_are_answered_from_at_once(self, house):
        contract(house)
        assert not queries.promised_now(house.customer.pk, Priority.P1, AT).open_now
        actions.edit_hours(hours_id=house.hours.pk, changes={"week": [[["00:00", "24:00"]]] * 7}, **HERE)
        assert queries.promised_now(house.customer.pk, Priority.P1, AT).open_now
        actions.edit_hours(hours_id=house.hours.pk, changes={"exceptions": {"2026-11-20": []}}, **HERE)
        assert not queries.promised_now(house.customer.pk, Priority.P1, AT).open_now

    def test_the_same_calendar_is_read_once(self, house):
        assert queries.support_hours(Hours.objects.get()) is queries.support_hours(Hours.objects.get())

    def test_bank_holidays_of_the_nation_are_closed(self, house):
        contract(house)
        christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
        assert not queries.promised_now(house.customer.pk, Priority.P1, christmas).open_now


class TestContracts:
    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (date(2026, 1, 1), None),
            (date(2025, 1, 1), None),
            (date(2026, 6, 30), date(2026, 7, 1)),
            (date(2025, 1, 1), date(2026, 1, 2)),
        ],
    )
    def test_a_customer_has_one_at_a_time(self, house, start, end):
        contract(house, valid_until=date(2026, 7, 1))
        with pytest.raises(Invalid, match="another contract on some of those days"):
            contract(house, "Silver", valid_from=start, valid_until=end)
        assert Contract.objects.count() == 1

    def test_another_customers_contract_is_in_nobodys_way(self, house):
        contract(house)
        other = actions.make_customer(brand_id=house.brand.pk, name="Other", ref="C-2", **HERE)
        house.customer = other
        assert contract(house)

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"out_of_hours": "maybe"}, Invalid),
            ({"may_wake": ["P5"]}, BadTargets),
            ({"targets": {"P1": {"fix": "P1D"}}}, BadTargets),
            ({"valid_until": date(2026, 1, 1)}, Invalid),
            ({"hours_id": 0}, NotFound),
            ({"name": ""}, Invalid),
        ],
    )
    def test_what_cannot_be_promised_is_refused(self, house, fields, refusal):
        with pytest.raises(refusal) as refused:
            contract(house, **fields)
        assert refused.value.do
        assert not Contract.objects.exists()

    def test_hours_of_another_brand_are_not_there(self, house):
        south = access.make_brand(name="South", slug="south", **HERE)
        fields = {"name": "Office", "zone": "Europe/London", "week": WORKDAYS}
        theirs = actions.make_hours(brand_id=south.pk, fields=fields, **HERE)
        with pytest.raises(NotFound):
            contract(house, hours_id=theirs.pk)

    def test_an_end_can_be_given_and_taken_back(self, house):
        there = contract(house)
        for end in (date(2026, 12, 1), None, None):
            actions.edit_contract(contract_id=there.pk, changes={"valid_until": end}, **HERE)
            assert Contract.objects.get().valid_until == end
        assert kinds().count("contract.edited") == 2

    def test_the_database_itself_refuses_an_end_before_the_start(self, house):
        there = contract(house)
        with pytest.raises(IntegrityError), transaction.atomic():
            Contract.objects.filter(pk=there.pk).update(valid_until=there.valid_from)


class TestHours:
    def test_they_are_kept_in_one_form(self, house):
        assert (house.hours.nation, house.hours.subdivision) == ("GB", "ENG")
        edited = actions.edit_hours(
            hours_id=house.hours.pk, changes={"week": [[["22:00", "6:00"], ["9:00", "12:00"]]] * 7}, **HERE
        )
        assert edited.week[0] == [["09:00", "12:00"], ["22:00", "06:00"]]

    @pytest.mark.parametrize("changes", [{"week": [[]] * 8}, {"zone": "Mars"}, {"nation": "XX"}, {"nation": ""}])
    def test_what_cannot_be_kept_is_refused_together_with_what_stays(self, house, changes):
        with pytest.raises(BadHours):
            actions.edit_hours(hours_id=house.hours.pk, changes=changes, **HERE)
        assert Hours.objects.get().week == [[list(window) for window in day] for day in WORKDAYS]

    def test_a_name_is_taken_once_in_a_brand(self, house):
        with pytest.raises(Invalid, match="some already"):
            actions.make_hours(
                brand_id=house.brand.pk, fields={"name": "Office", "zone": "UTC", "week": WORKDAYS}, **HERE
            )


class TestCustomers:
    def test_a_number_is_taken_once_in_a_brand_whatever_its_case(self, house):
        with pytest.raises(Invalid, match="Another customer has it"):
            actions.make_customer(brand_id=house.brand.pk, name="Acne", ref="c-1", **HERE)
        other = actions.make_customer(brand_id=house.brand.pk, name="Other", ref="C-2", **HERE)
        with pytest.raises(Invalid, match="Another customer has it"):
            actions.edit_customer(customer_id=other.pk, changes={"ref": "C-1"}, **HERE)

    def test_one_that_is_not_there_is_not_found(self):
        with pytest.raises(NotFound):
            actions.edit_customer(customer_id=1, changes={}, **HERE)

    def test_a_contact_is_known_by_name_in_erasable_text_only(self, house):
        contact = actions.make_contact(
            customer_id=house.customer.pk, name="Zoe", email="zoe@Example.NET", phone="020 7946 0000", **HERE
        )
        assert (contact.email, contact.phone) == ("zoe@example.net", "+442079460000")
        actions.edit_contact(contact_id=contact.pk, changes={"name": "Zoë", "phone": ""}, **HERE)
        actions.remove_contact(contact_id=contact.pk, **HERE)
        assert kinds()[-3:] == ["contact.made", "contact.edited", "contact.removed"]
        assert "Zo" not in repr(list(Entry.objects.filter(at=AT).values()))
        assert PersonalText.objects.filter(text="Zoe zoe@example.net +442079460000").exists()
        with pytest.raises(NotFound):
            actions.remove_contact(contact_id=contact.pk, **HERE)

    def test_a_contact_that_cannot_be_reached_so_is_refused(self, house):
        for fields, refusal in (({"phone": "999"}, BadNumber), ({"email": "zoe"}, Invalid), ({"zone": "X"}, Invalid)):
            with pytest.raises(refusal):
                actions.make_contact(customer_id=house.customer.pk, name="Zoe", **fields, **HERE)

    def test_a_service_is_bought_once_under_a_label(self, house):
        bought = [
            actions.make_subscription(
                customer_id=house.customer.pk, service_id=house.service.pk, label=label, **HERE
            ).pk
            for label in ("line 1", "line 2", "line 1")
        ]
        assert bought[0] == bought[2] != bought[1]
        actions.end_subscription(subscription_id=bought[0], **HERE)
        assert kinds()[-3:] == ["subscription.made", "subscription.made", "subscription.ended"]

    def test_services_and_peers_have_one_key(self, house):
        actions.make_peer(brand_id=house.brand.pk, name="AMS", as_number=64500, noc_phones=["020 7946 0000"], **HERE)
        assert Peer.objects.get().noc_phones == ["+442079460000"]
        with pytest.raises(Invalid, match="There is one"):
            actions.make_peer(brand_id=house.brand.pk, name="AMS 2", as_number=64500, **HERE)
        with pytest.raises(Invalid, match="There is none like it"):
            actions.make_peer(brand_id=house.brand.pk, name="AMS 2", as_number=2**32, **HERE)
        with pytest.raises(Invalid, match="There is one"):
            actions.make_service(brand_id=house.brand.pk, key="mail", name="Mail 2", **HERE)

    def test_another_brands_manager_and_ones_own_desk_are_refused(self, house):
        south = access.make_brand(name="South", slug="south", **HERE)
        boss = {**HERE, "by": Actor("person", "8", "Boss", frozenset({(south.pk, "manager")}))}
        desk = {**HERE, "by": Actor("person", "9", "Dot", frozenset({(house.brand.pk, "desk")}))}
        for verb, asked in (
            (actions.edit_customer, {"customer_id": house.customer.pk, "changes": {"name": "Mine"}}),
            (actions.make_contact, {"customer_id": house.customer.pk, "name": "Spy"}),
            (actions.edit_hours, {"hours_id": house.hours.pk, "changes": {"public": True}}),
            (actions.edit_service, {"service_id": house.service.pk, "name": "Mine"}),
            (actions.apply_import, {"brand_id": house.brand.pk, "plan": plan_import(b"customer\nX\n", "GB")}),
        ):
            with pytest.raises(Forbidden):
                verb(**asked, **boss)
        actions.edit_customer(customer_id=house.customer.pk, changes={"name": "Acme Ltd"}, **desk)
        with pytest.raises(Forbidden):
            actions.edit_hours(hours_id=house.hours.pk, changes={"public": True}, **desk)


def imported(house: SimpleNamespace, *lines: str, dry_run: bool = False, at: datetime = AT) -> actions.ImportResult:
    plan = plan_import((HEADER + "\n".join(lines)).encode(), "GB")
    return actions.apply_import(brand_id=house.brand.pk, plan=plan, dry_run=dry_run, **{**HERE, "at": at})


FILE = (
    "Acme,C-1,Gold,office,full,P1 P2,Zoe,zoe@example.net,020 7946 0000,NOC,en-GB,,Mail cluster",
    "Acme,C-1,Gold,,,,Yan,,020 7946 0001,,,,Leased line",
    "Bolt,,Silver,Office,,,Bob,bob@example.net,,,de,Europe/Berlin,Leased line",
)


class TestImport:
    def test_it_makes_what_is_new_and_says_how_much(self, house):
        result = imported(house, *FILE)
        assert result.errors == ()
        assert result.counts == {
            "customer": Counts(1, 0, 1),
            "contact": Counts(3, 0, 0),
            "contract": Counts(2, 0, 0),
            "service": Counts(1, 0, 1),
            "subscription": Counts(3, 0, 0),
        }
        gold = Contract.objects.get(name="Gold")
        assert (gold.out_of_hours, gold.may_wake, gold.valid_from) == ("full", ["P1", "P2"], date(2026, 11, 20))
        assert queries.promised_now(house.customer.pk, Priority.P2, AT).may_page_now
        bob = Contact.objects.get(name="Bob")
        assert (bob.language, bob.zone, bob.customer.ref) == ("de", "Europe/Berlin", "bolt")
        assert set(Service.objects.values_list("key", flat=True)) == {"mail", "leased-line"}
        assert kinds()[-1] == "customers.imported"
        assert kinds().count("customers.imported") == 1

    def test_again_it_changes_nothing_and_leaves_no_entry(self, house):
        imported(house, *FILE)
        before = kinds()
        again = imported(house, *FILE)
        assert {count.new + count.changed for count in again.counts.values()} == {0}
        assert kinds() == before

    def test_a_dry_run_says_the_same_and_writes_nothing(self, house):
        before = kinds()
        dry = imported(house, *FILE, dry_run=True)
        assert (Contact.objects.count(), Contract.objects.count(), Service.objects.count()) == (0, 0, 1)
        assert kinds() == before
        assert dry.dry_run
        assert dry.counts == imported(house, *FILE).counts

    def test_it_changes_what_the_file_says_and_leaves_what_it_does_not_say(self, house):
        imported(house, *FILE)
        result = imported(house, "Acme Ltd,C-1,Gold,,,P1,Zoe,zoe@example.net,,,,,")
        assert (result.counts["customer"], result.counts["contract"]) == (Counts(0, 1, 0), Counts(0, 1, 0))
        assert result.counts["contact"] == Counts(0, 0, 1)
        gold = Contract.objects.get(name="Gold")
        assert (gold.out_of_hours, gold.may_wake) == ("full", ["P1"])
        assert Contact.objects.get(name="Zoe").phone == "+442079460000"
        assert Contact.objects.count() == 3

    @pytest.mark.parametrize(
        ("lines", "column", "so"),
        [
            (["Acme,C-1,Gold,Night"], "hours_name", "no support hours"),
            (["Acme,C-1,Gold", "Acme,C-1,Silver"], "contract", "only one at a time"),
            (["Acme,C-9", "Acme"], "customer", "Several customers"),
            ([f"{'A' * 161}"], "customer", "more than 160"),
            ([f"Acme,{'9' * 41}"], "customer_ref", "more than 40"),
            (
                ["A,1,,,,,Zoe,z@example.net,,NOC", "A,1,,,,,Zoe,z@example.net,,Billing"],
                "contact_name",
                "Line 2 says NOC",
            ),
        ],
    )
    def test_a_line_that_does_not_fit_is_left_out_and_the_others_are_taken(self, house, lines, column, so):
        result = imported(house, *lines, "Last,C-99")
        (error,) = result.errors
        assert (error.line, error.column) == (len(lines) + 1, column)
        assert so in error.so
        assert error.do
        assert Customer.objects.filter(name="Last").exists()

    def test_errors_of_the_file_and_of_what_is_there_come_in_its_order(self, house):
        result = imported(house, "Acme,C-1,Gold,Night", "Bolt,,,,,,Bob,no address", "Cut,C-3,Gold,Night")
        assert [error.line for error in result.errors] == [2, 3, 4]

    def test_without_hours_in_the_file_a_new_contract_takes_the_brands_only_ones(self, house):
        imported(house, "Acme,C-1,Gold")
        assert Contract.objects.get().hours == house.hours
        fields = {"name": "Night", "zone": "UTC", "week": WORKDAYS}
        actions.make_hours(brand_id=house.brand.pk, fields=fields, **HERE)
        assert [error.column for error in imported(house, "Bolt,C-2,Gold").errors] == ["hours_name"]

    def test_an_ended_contract_is_followed_by_a_new_one(self, house):
        contract(house, valid_until=date(2026, 11, 20))
        assert imported(house, "Acme,C-1,Gold").counts["contract"] == Counts(1, 0, 0)
        assert Contract.objects.count() == 2

    def test_names_that_make_the_same_short_name_get_their_own(self, house):
        imported(house, "Ampère", "Ampere", "!!!", "???")
        assert sorted(Customer.objects.values_list("ref", flat=True)) == [
            "C-1", "ampere", "ampere-2", "customer", "customer-2",
        ]  # fmt: skip

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["Acme", "acme", "Bolt"]),
                st.sampled_from(["", "", "C-1", "B-1"]),
                st.sampled_from(["", "Gold", "Silver"]),
                st.sampled_from(["", "Zoe", "Yan"]),
                st.sampled_from(["", "z@example.net", "y@example.net"]),
                st.sampled_from(["", "020 7946 0000", "020 7946 0001"]),
                st.sampled_from(["", "NOC", "Billing"]),
                st.sampled_from(["", "Mail cluster", "mail", "Leased line"]),
            ),
            min_size=1,
            max_size=6,
        )
    )
    def test_whatever_the_file_says_the_second_time_changes_nothing(self, house, rows):
        lines = [f"{who},{ref},{gold},,,,{name},{mail},{phone},{role},,,{service}"
                 for who, ref, gold, name, mail, phone, role, service in rows]  # fmt: skip
        with transaction.atomic():
            imported(house, *lines)
            again = imported(house, *lines)
            transaction.set_rollback(True)
        assert {what: (count.new, count.changed) for what, count in again.counts.items()} == dict.fromkeys(
            again.counts, (0, 0)
        )

    def test_the_command_imports_by_the_same_verb(self, house, tmp_path, capsys):
        file = tmp_path / "customers.csv"
        file.write_text(HEADER + "\n".join([*FILE, "Cut,C-3,Gold,Night"]), encoding="utf-8")
        call_command("import_customers", str(file), "--brand", "north", "--dry-run")
        out, err = capsys.readouterr()
        assert "nothing was written" in out
        assert "Line 5, hours_name: Night: There are no support hours of this name." in err
        assert not Contact.objects.exists()
        call_command("import_customers", str(file), "--brand", "north", "--json")
        told = json.loads(capsys.readouterr().out)
        assert told["counts"]["contact"] == {"new": 3, "changed": 0, "same": 0}
        assert [error["line"] for error in told["errors"]] == [5]
        assert Contact.objects.count() == 3

    def test_the_command_refuses_a_brand_or_file_that_is_not_there(self, house, tmp_path):
        with pytest.raises(NotFound, match="north"):
            call_command("import_customers", str(tmp_path / "x.csv"), "--brand", "west")
        with pytest.raises(NotFound, match="No such file"):
            call_command("import_customers", str(tmp_path / "x.csv"), "--brand", "north")


@pytest.mark.django_db(transaction=True)
def test_two_contracts_and_two_customers_at_once_are_one_and_a_refusal():
    later = {**HERE, "at": AT + timedelta(days=1)}
    brand = access.make_brand(name="North", slug="north", **later)
    fields = {"name": "Office", "zone": "Europe/London", "week": WORKDAYS}
    hours = actions.make_hours(brand_id=brand.pk, fields=fields, **later)
    customer = actions.make_customer(brand_id=brand.pk, name="Acme", ref="C-1", **later)
    outcome: list[str] = []

    def attempt(name: str) -> None:
        for verb, asked in (
            (actions.make_contract, {"customer_id": customer.pk, "hours_id": hours.pk, "valid_from": date(2026, 1, 1)}),
            (actions.make_customer, {"brand_id": brand.pk, "ref": "C-2"}),
        ):
            try:
                verb(name=name, **asked, **later)
                outcome.append("made")
            except Invalid:
                outcome.append("refused")
        connection.close()

    threads = [Thread(target=attempt, args=(name,)) for name in ("Gold", "Silver")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["made", "made", "refused", "refused"]
    assert (Contract.objects.count(), Customer.objects.count(), Subscription.objects.count()) == (1, 2, 0)
