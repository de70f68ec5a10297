"""What is known of one person: all is handed out, and all goes that nothing obliges us to keep; the seals stay true."""

import csv
import io
import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.apps import apps
from django.db import connection, models

from nightdesk.access.actions import make_brand, make_user
from nightdesk.access.models import Brand
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock, files, months
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.calls.actions import hear_recording, leave_note
from nightdesk.calls.forget_actions import forget_old_callers
from nightdesk.calls.models import Call, CallEvent, Line, Message, Recording
from nightdesk.channels.models import Delivery
from nightdesk.customers.models import Contact, Customer
from nightdesk.journal import queries as journal
from nightdesk.journal.actions import record
from nightdesk.journal.tasks import seal_entries
from nightdesk.keeping import exporting, places, tasks
from nightdesk.keeping.actions import BACKUP_FAILED
from nightdesk.keeping.erasing import preview, stays
from nightdesk.keeping.erasing_actions import MOST_TRIES, ask_erasure, begin_erasure, erase_person
from nightdesk.keeping.export_actions import ask_export, begin_export, export_data, fetch_export
from nightdesk.keeping.models import Export
from nightdesk.keeping.traces import BY_ADDRESS, rows_about, sent_to, subject_of
from nightdesk.mailroom.models import Mail
from nightdesk.people.models import Absence, ContactMethod, Person
from nightdesk.safety.models import SafetyCard, Site, Visit, VisitEvent

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER, EMAIL = "+441632960017", "Ada@north.example"


def doing():
    return {"by": OPERATOR, "via": Door.CLI, "at": clock.now()}


@pytest.fixture
def ada(settings, tmp_path):
    """A contact who rang, left a message, and wrote a mail."""
    settings.FILES_DIR = tmp_path / "files"
    at = clock.now()
    brand = make_brand(name="North", slug="north", **doing())
    customer = Customer.objects.create(brand=brand, name="Mill", ref="M1")
    contact = Contact.objects.create(customer=customer, name="Ada Byron", email=EMAIL, phone=NUMBER)
    line = Line.objects.create(brand=brand, name="Main", numbers=["+441632960000"])
    call = Call.objects.create(
        line=line, exchange="asterisk", number=NUMBER, called="+441632960000", came_at=at - timedelta(hours=1),
        ended_at=at, ended_as="message", contact=contact, customer=customer, state={"number": NUMBER},
    )  # fmt: skip
    CallEvent.objects.create(call=call, number=1, at=at, event={"caller": NUMBER})
    digest = files.keep_file(b"RIFF what Ada said")
    said = Recording.objects.create(brand=brand, kind="message", digest=digest, seconds=3, made_at=at)
    Message.objects.create(
        brand=brand, line=line, call=call, kind="message", number=NUMBER, recording=said, text="Ada's words", taken_at=at,
        ended_at=at, contact=contact,
    )  # fmt: skip
    Mail.objects.create(
        at=at, way="smtp", raw=b"From: ada@north.example\r\n\r\nhelp", size=30, digest="0" * 64, brand=brand,
        from_address="ada@north.example", from_name="Ada Byron", text="help", sender="ada@north.example",
    )  # fmt: skip
    record(BACKUP_FAILED, subject=("contact", contact.pk), text="Ada said something", **doing())
    seal_entries(at=clock.now())
    return contact


def everything_as_text():
    """Every value of every row, as text; of the journal only what is not sealed (its entries keep a name, which is told)."""
    with connection.cursor() as cursor:
        for model in apps.get_models():
            table = model._meta.db_table
            if table == "journal_entry":
                continue
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                yield table, row


def test_a_contact_gets_all_and_then_nothing_is_left_of_them(ada, tmp_path):
    subject = subject_of(f"contact:{ada.pk}")
    counts = export_data(path=tmp_path / "ada.zip", subject=subject, **doing())
    with zipfile.ZipFile(tmp_path / "ada.zip") as out:
        assert out.testzip() is None
        assert json.loads(out.read("rows/calls_call.json"))[0]["number"] == NUMBER
        assert [out.read(name) for name in out.namelist() if name.startswith("recordings/")] == [b"RIFF what Ada said"]
        assert [out.read(name) for name in out.namelist() if name.startswith("mails/")] == [
            b"From: ada@north.example\r\n\r\nhelp"
        ]
        lines = [json.loads(line) for line in out.read("journal.jsonl").splitlines()]
        assert any(line.get("text") == "Ada said something" for line in lines)
        assert "calls_call" in out.read("README.md").decode()
    assert counts["recordings"] == counts["mails"] == 1
    with pytest.raises(IllegalTransition):
        export_data(path=tmp_path / "ada.zip", subject=subject, **doing())

    told = preview(subject)
    assert {each.count for each in told} == {1}
    assert all(why for _what, why in stays(subject))
    assert Contact.objects.filter(pk=ada.pk).exists()
    assert erase_person(subject=subject, **doing()) == told
    for table, row in everything_as_text():
        for word in ("Ada", NUMBER, "ada@north.example", "QWRh"):
            assert word not in row, table
    assert not list((tmp_path / "files").glob("??/*"))
    assert Call.objects.get().ended_as == "message"
    assert journal.verify().sound
    with pytest.raises(NotFound):
        subject_of(f"contact:{ada.pk}")
    assert preview(subject_of(f"number:{NUMBER}")) == []


def been_out(person):
    """What is kept of them for visits: one of their own that is over, one that they called off, one on which they went along."""
    at, brand = clock.now() - timedelta(days=2), Brand.objects.get()
    SafetyCard.objects.create(person=person, badge="tracker 9", duress_digest=b"x")
    other = Person.objects.create(name="Al Ampere")
    site = Site.objects.create(brand=brand, name="Hut", address="Far")
    shared = {
        "brand": brand, "site": site, "watcher": other, "travel_minutes": 1, "work_minutes": 1, "every": timedelta(hours=1),
        "grace": timedelta(0), "declared_at": at, "leaves_at": at, "back_by_at": at + timedelta(hours=1), "sign_at": at,
    }  # fmt: skip
    over = Visit.objects.create(
        **shared, person=person, state="ended", why="a fan of Mill Lane", declared_by=person.name
    )
    VisitEvent.objects.create(visit=over, at=at, kind="began", by=person.name, via="web", words="by the gate")
    Visit.objects.create(**shared, person=person, state="cancelled", why="a fan of Mill Lane", declared_by=person.name)
    watched = shared | {"watcher": Person.objects.create(name="Di Dyne")}
    with_another = Visit.objects.create(**watched, person=other, companion=person, state="ended", why="a lamp")
    record(BACKUP_FAILED, subject=("visit", over.pk), text="seen by the gate", **doing())
    seal_entries(at=clock.now())
    return with_another, ("a fan of Mill Lane", "tracker 9", "by the gate")


def test_a_colleague_is_erased_only_once_they_have_left(ada, tmp_path):
    user = make_user(email="cy@north.example", name="Cy Ohm", password="a long password", **doing())
    person = Person.objects.create(name="Cy Ohm", user=user)
    ContactMethod.objects.create(person=person, channel="sms", address="+441632960018")
    at = clock.now()
    Absence.objects.create(
        person=person, kind="sickness", starts_at=at, ends_at=at + timedelta(days=1), recorded_at=at, note="flu"
    )
    with_another, words = been_out(person)
    subject = subject_of(f"person:{person.pk}")
    with pytest.raises(IllegalTransition):
        erase_person(subject=subject, **doing())
    Person.objects.filter(pk=person.pk).update(active=False)
    counts = export_data(path=tmp_path / "cy.zip", subject=subject, **doing())
    assert counts["people_absence"] == counts["people_contactmethod"] == counts["safety_safetycard"] == 1
    assert (counts["safety_visit"], counts["safety_visitevent"]) == (3, 1)
    erase_person(subject=subject_of(f"person:{person.pk}"), **doing())
    for table, row in everything_as_text():
        for word in ("Cy Ohm", "+441632960018", "cy@north.example", "flu", *words):
            assert word not in row, table
    assert list(Visit.objects.values_list("pk", "companion")) == [(with_another.pk, None)]
    assert journal.verify().sound
    user.refresh_from_db()
    assert not user.is_active
    assert not user.has_usable_password()


def test_a_note_that_they_spoke_goes_at_once_and_the_seal_over_its_entry_stays_true(ada):
    cy, bo = (Person.objects.create(name=name, active=False) for name in ("Cy Ohm", "Bo Li"))
    line, at = Line.objects.get(), clock.now()
    spoken = {}
    for person in (cy, bo):
        call = Call.objects.create(line=line, exchange="asterisk", called="+441632960000", came_at=at, person=person)
        digest = files.keep_file(f"RIFF what {person.name} said".encode())
        by = Actor("person", str(person.pk), person.name, frozenset({(line.brand_id, "engineer")}))
        spoken[person.name] = leave_note(call_id=call.pk, file=digest, seconds=4, by=by, via=Door.PHONE, at=at)
    seal_entries(at=clock.now())
    subject = subject_of(f"person:{cy.pk}")
    assert [one.count for one in preview(subject) if one.what == "Notes that they spoke by telephone"] == [1]
    erase_person(subject=subject, **doing())
    for name, recording in spoken.items():
        recording.refresh_from_db()
        assert (recording.deleted_at is None) == (name == "Bo Li"), "nobody else's note goes"
    with pytest.raises(NotFound):
        hear_recording(recording_id=spoken["Cy Ohm"].pk, **doing())
    with pytest.raises(FileNotFoundError):
        files.read_file(spoken["Cy Ohm"].digest)
    seal_entries(at=clock.now())
    assert journal.verify().sound


def test_callers_are_forgotten_after_their_time_and_the_figures_stay(ada, settings):
    settings.CALLERS_KEPT = timedelta(days=30)
    at = clock.now()
    assert forget_old_callers(by=SCHEDULER, via=Door.WORKER, at=at) == 0
    assert forget_old_callers(by=SCHEDULER, via=Door.WORKER, at=at + timedelta(days=31)) == 1
    call = Call.objects.get()
    assert (call.number, call.state, call.ended_as, CallEvent.objects.count()) == ("", {}, "message", 0)
    assert Message.objects.get().text == ""
    assert forget_old_callers(by=SCHEDULER, via=Door.WORKER, at=at + timedelta(days=31)) == 0
    settings.CALLERS_KEPT = timedelta(0)
    assert forget_old_callers(by=SCHEDULER, via=Door.WORKER, at=at + timedelta(days=9999)) == 0


def test_an_export_is_for_our_eyes_alone_while_it_is_written_and_afterwards(ada, tmp_path):
    modes = []

    def told(_table):
        modes.extend(path.stat().st_mode & 0o777 for path in tmp_path.glob("all.zip*"))

    (tmp_path / "all.zip.unfinished").write_text("of one that was killed, and everybody reads it")
    before = os.umask(0)
    try:
        exporting.export_company(tmp_path / "all.zip", at=clock.now(), told=told)
    finally:
        os.umask(before)
    told("whole")
    assert set(modes) == {0o600}
    with zipfile.ZipFile(tmp_path / "all.zip") as out:
        assert out.testzip() is None


def test_everything_goes_into_one_zip_that_can_be_read_without_us(ada, tmp_path):
    counts = export_data(path=tmp_path / "all.zip", subject=None, **doing())
    with zipfile.ZipFile(tmp_path / "all.zip") as out:
        names = set(out.namelist())
        told = list(csv.DictReader(io.StringIO(out.read("tables/customers_contact.csv").decode())))
        assert told[0]["name"] == "Ada Byron"
        entries = [json.loads(line) for line in out.read("journal.jsonl").splitlines()]
        assert len(entries) == counts["journal"]
        assert out.read("seals.jsonl").count(b"\n") >= 1
    for model in exporting._models():
        assert f"tables/{model._meta.db_table}.csv" in names
    assert counts["mails"] == counts["recordings"] == 1


def test_nothing_that_opens_something_is_handed_out():
    for model in exporting._models():
        for each in exporting.columns(model):
            words = set(each.name.split("_"))
            assert not words & {"password", "secret", "secrets", "sealed", "lookup"}, (model, each.name)
            assert each.name not in ("proof", "auth") or each.choices, (model, each.name)


def test_every_column_that_can_hold_an_address_is_looked_through():
    """Whoever adds one adds it to BY_ADDRESS, or says here whose it is."""
    ours = {
        "mailroom_address.address", "desk_rules.address", "desk_queue.address", "desk_supplier.email", "desk_supplier.phone",
        "customers_peer.noc_email", "people_contactmethod.address", "calls_ladderrung.address", "access_user.email",
        "customers_contact.email", "customers_contact.phone", "customers_contact.mobile", "customers_contact.mobile_asked",
        "calls_line.bureau_number", "calls_line.pager_number", "calls_line.shown_number", "calls_line.staff_number",
        "desk_rules.emergency_number", "account_emailaddress.email", "safety_site.security_number",
    }  # fmt: skip
    known = {f"{model._meta.db_table}.{column}" for model, column in BY_ADDRESS} | ours
    found = {
        f"{model._meta.db_table}.{each.name}"
        for model in apps.get_models()
        for each in model._meta.concrete_fields
        if isinstance(each, models.CharField) and not each.choices and each.name not in exporting.SECRETS
        if {"address", "email", "phone", "number", "mobile"} & set(each.name.split("_"))
    }
    assert found - known == set()


def test_an_export_lies_ready_for_a_day_and_one_that_was_cut_off_says_so(ada):
    subject = subject_of(f"contact:{ada.pk}")
    cut = ask_export(subject=subject, **doing())
    assert begin_export(**doing()) == cut
    places.export_file(cut.pk).with_suffix(".zip.unfinished").write_text("half of it")
    # Its process was killed; the next one finds that out, and who asks anew gets theirs.
    assert tasks.write_waiting() == 0
    cut.refresh_from_db()
    assert "cut off" in cut.failure
    with pytest.raises(NotFound):
        fetch_export(export_id=cut.pk, **doing())
    row = ask_export(subject=subject, **doing())
    with pytest.raises(IllegalTransition):
        fetch_export(export_id=row.pk, **doing())
    assert tasks.write_waiting() == 1
    path = fetch_export(export_id=row.pk, **doing())
    row.refresh_from_db()
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (row.size, 0o600)
    assert tasks.drop_old_asked(clock.now() + timedelta(hours=23)) == 0
    assert path.exists()
    assert tasks.drop_old_asked(clock.now() + timedelta(hours=25)) == 2
    assert not list(places.exports().glob("*.zip*"))


def test_an_export_whose_person_is_erased_meanwhile_is_nobodys(ada, monkeypatch):
    subject = subject_of(f"contact:{ada.pk}")
    row = ask_export(subject=subject, **doing())
    told = []

    def erase_at_once(words):
        if not told:
            told.append(words)
            with ThreadPoolExecutor(1) as other:
                other.submit(erase_elsewhere, subject).result(60)

    monkeypatch.setattr(tasks, "_saying", lambda _beside, _rows, _key: erase_at_once)
    assert tasks.write_waiting() == 1
    assert told
    assert not Export.objects.filter(pk=row.pk).exists()
    assert not list(places.exports().glob("*.zip*"))


def erase_elsewhere(subject):
    try:
        erase_person(subject=subject, **doing())
    finally:
        connection.close()


@pytest.fixture
def seen_meanwhile(monkeypatch):
    """Each time that a worker says how far it is: whether another connection reads just that."""
    seen = []
    saying = tasks._saying

    def and_look(beside, rows, key):
        say = saying(beside, rows, key)

        def said(words):
            say(words)
            with psycopg.connect(tasks.database_url()) as other:
                row = other.execute(f"SELECT done, ended_at FROM {rows._meta.db_table}").fetchone()
            seen.append(row == (words, None))

        return said

    monkeypatch.setattr(tasks, "_saying", and_look)
    return seen


def test_how_far_an_export_is_can_be_read_while_it_is_written(ada, seen_meanwhile):
    row = ask_export(subject=subject_of(f"contact:{ada.pk}"), **doing())
    assert tasks.write_waiting() == 1
    row.refresh_from_db()
    assert len(seen_meanwhile) > 3
    assert all(seen_meanwhile)
    assert (row.done, row.failure) == ("", "")


@pytest.mark.parametrize("word", ["", "bo", "person:x", "number:12", "number:+44 1", "address:nobody", "contact:"])
def test_who_is_meant_is_never_guessed(word):
    with pytest.raises(Invalid):
        subject_of(word)


def test_what_is_found_of_somebody_unknown_is_nothing(ada):
    assert list(rows_about(subject_of("number:+441632960099"))) == []


def test_how_far_an_erasure_is_can_be_read_meanwhile_and_once_it_is_done_it_names_nobody(ada, seen_meanwhile):
    row = ask_erasure(subject=subject_of(f"number:{NUMBER}"), **doing())
    assert ask_erasure(subject=subject_of(f"number:{NUMBER}"), **doing()) == row
    assert tasks.erase_waiting() == 1
    row.refresh_from_db()
    assert len(seen_meanwhile) > 3
    assert all(seen_meanwhile)
    assert (row.of, row.done, row.failure, row.tries) == ("", "", "", 1)
    assert row.rows >= 1
    assert [NUMBER in text for _table, text in everything_as_text()].count(True) == 1, (
        "the contact's own number is left"
    )
    assert tasks.drop_old_asked(clock.now() + timedelta(hours=23)) == 0
    assert tasks.drop_old_asked(clock.now() + timedelta(hours=25)) == 1


def test_an_erasure_that_is_cut_off_begins_anew_and_is_given_up_in_the_end(ada, monkeypatch):
    row = ask_erasure(subject=subject_of(f"contact:{ada.pk}"), **doing())
    with monkeypatch.context() as killed:
        killed.setattr("nightdesk.keeping.erasing_actions.remove_contact", lambda **_more: 1 / 0)
        for _time in range(2):
            with pytest.raises(ZeroDivisionError):
                tasks.erase_waiting()
            assert Call.objects.get().number == NUMBER, "all of it or nothing"
    row.refresh_from_db()
    assert (row.tries, row.ended_at) == (2, None)
    assert tasks.erase_waiting() == 1
    assert not Contact.objects.filter(pk=ada.pk).exists()
    other = ask_erasure(subject=subject_of("address:nobody@north.example"), **doing())
    for _time in range(MOST_TRIES):
        assert begin_erasure(**doing()) == other
    assert begin_erasure(**doing()) is None
    other.refresh_from_db()
    assert "cut off 3 times" in other.failure


def test_who_was_erased_meanwhile_is_gone_and_who_came_back_to_the_staff_stays(ada):
    cy = Person.objects.create(name="Cy Ohm", active=False)
    rows = [ask_erasure(subject=subject_of(word), **doing()) for word in (f"contact:{ada.pk}", f"person:{cy.pk}")]
    erase_person(subject=subject_of(f"contact:{ada.pk}"), **doing())
    Person.objects.filter(pk=cy.pk).update(active=True)
    with pytest.raises(IllegalTransition):
        ask_erasure(subject=subject_of(f"person:{cy.pk}"), **doing())
    assert tasks.erase_waiting() == 2
    for row in rows:
        row.refresh_from_db()
    assert [(row.of, bool(row.failure)) for row in rows] == [("", False), (f"person:{cy.pk}", True)]
    assert Person.objects.get(pk=cy.pk).name == "Cy Ohm"


def sent(contact, address):
    """A message to them at an address that they may have left since."""
    at = clock.now()
    return Delivery.objects.create(
        id=uuid4(), month=months.month_of(at), lane="plain", due_at=at, created_at=at, ended_at=at, message_id=uuid4(),
        occurrence=str(uuid4()), subject_kind="outage", subject_id="1", recipient_kind="contact", recipient_id=str(contact.pk),
        channel="email", address=address, state="delivered",
    )  # fmt: skip


def test_what_went_to_an_address_that_they_had_before_is_theirs_too(ada, tmp_path):
    rows = [sent(ada, address) for address in ("ADA@North.example", "ada@before.example")]
    of_another = sent(
        Contact.objects.create(customer=ada.customer, name="Bo", email="bo@north.example"), "bo@north.example"
    )
    subject = subject_of(f"contact:{ada.pk}")
    assert export_data(path=tmp_path / "ada.zip", subject=subject, **doing())["channels_delivery"] == 2
    erase_person(subject=subject, **doing())
    assert set(Delivery.objects.filter(pk__in=[row.pk for row in rows]).values_list("address", flat=True)) == {""}
    of_another.refresh_from_db()
    assert of_another.address == "bo@north.example"


def test_years_of_messages_are_looked_through_by_indexes_alone(ada):
    sent(ada, EMAIL)
    for word in (f"contact:{ada.pk}", f"number:{NUMBER}", "address:ada@north.example"):
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            plan = Delivery.objects.filter(sent_to(subject_of(word))).explain()
            cursor.execute("RESET enable_seqscan")
        assert "Seq Scan" not in plan, plan
        assert "Index" in plan
