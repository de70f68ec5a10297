"""`nightdesk promises`, `nightdesk doctor`, `nightdesk demo` and the door in front of all commands."""

import io
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

import nightdesk
from nightdesk import cli, settings
from nightdesk.base import clock, env
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.models import Promise, Worker
from nightdesk.base.refusals import Refusal
from nightdesk.channels.actions import make_push_key
from nightdesk.channels.models import Route
from nightdesk.keeping.queries import Writes
from nightdesk.management.commands import doctor, serve
from nightdesk.outages.tests.company import Network

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen():
    with clock.replaced_by(lambda: AT):
        yield


def said(*words):
    output = io.StringIO()
    call_command(*words, stdout=output)
    return output.getvalue()


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_ours_and_not_that_of_what_it_is_made_with(word, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["nightdesk", word])
    cli.main()
    assert capsys.readouterr().out == f"{nightdesk.__version__}\n"


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("", False),
        ("serve", False),
        ("demo", False),
        ("demo load", True),
        ("demo alarm", True),
        ("web", True),
        ("web --port 8081", True),
        ("worker --help", False),
        ("journal verify", True),
        ("doctor", True),
    ],
)
def test_only_commands_that_ask_the_database_get_one(line, needed):
    assert cli.needs_database(line.split()) is needed


@pytest.mark.django_db
class TestPromises:
    @pytest.fixture(autouse=True)
    def some(self):
        for subject, due_in, fields in [
            ("later", 60, {}),
            ("late", -3, {"failure": "OSError: no route\nmore", "attempt": 2}),
            ("dead", -90, {"ended_at": AT, "ended_as": "dead"}),
            ("kept", -90, {"ended_at": AT, "ended_as": "kept"}),
        ]:
            Promise.objects.create(
                kind="page.ring", lane="page", subject_kind="page", subject_id=subject, why="nobody answered",
                due_at=AT + timedelta(seconds=due_in), created_at=AT, **fields,
            )  # fmt: skip

    def test_what_comes_next_stands_first_with_why_and_what_went_wrong(self):
        assert said("promises").splitlines() == [
            "2026-11-22 02:59:57  page.ring  page late: nobody answered  3.0 s overdue  FAILED 2 times: OSError: no route",
            "2026-11-22 03:01:00  page.ring  page later: nobody answered",
        ]

    @pytest.mark.parametrize(
        ("option", "subjects"), [((), ["late", "later"]), (("--due",), ["late"]), (("--dead",), ["dead"])]
    )
    def test_each_option_shows_its_own(self, option, subjects):
        assert [row["subject_id"] for row in json.loads(said("promises", "--json", *option))] == subjects

    def test_none_is_said(self):
        Promise.objects.all().delete()
        assert said("promises") == "None.\n"


def states(findings):
    return {finding.about: finding.state for finding in findings}


@pytest.mark.django_db
class TestDoctor:
    def test_without_a_worker_nobody_is_paged_and_that_fails(self):
        output = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("doctor", "--json", stdout=output)
        assert ended.value.code == 1
        told = {finding["about"]: finding for finding in json.loads(output.getvalue())}
        assert told["worker"]["state"] == "fail"
        assert "nightdesk worker" in told["worker"]["do"]
        assert told["database"]["state"] == "ok"

    def test_it_says_whether_phones_can_be_notified(self, settings):
        def told():
            return next(doctor.of_notifications(AT))

        settings.PUBLIC_URL = "http://127.0.0.1:8080"
        assert (told().state, "NIGHTDESK_PUBLIC_URL" in told().do) == ("warn", True)
        settings.PUBLIC_URL = "https://pager.quayside.net"
        assert "https://pager.quayside.net" in told().said
        make_push_key(by=SCHEDULER, via=Door.CLI, at=AT)
        assert told().state == "ok"
        settings.SECRET_KEY = "another"
        assert told().state == "fail"

    def test_with_a_worker_it_ends_well_and_every_warning_says_what_to_do(self):
        Worker.objects.create(name="w", started_at=AT, beat_at=AT)
        lines = said("doctor").splitlines()
        assert "ok    worker: 1 at work." in lines
        warnings = [number for number, line in enumerate(lines) if line.startswith("warn")]
        assert warnings
        assert all(lines[number + 1].startswith("      ") for number in warnings)

    def test_a_database_that_is_away_fails_and_what_needs_it_is_left_out(self, monkeypatch):
        def away():
            raise OperationalError("connection refused")

        monkeypatch.setattr(connection, "cursor", away)
        told = states(doctor.examine())
        assert told["database"] == "fail"
        assert "worker" not in told

    def test_a_database_that_could_not_be_started_is_told_in_its_own_words(self, monkeypatch):
        monkeypatch.setattr(cli, "database_problem", "PostgreSQL 15 or newer is needed.")
        assert doctor.of_database().said == "PostgreSQL 15 or newer is needed."

    @pytest.mark.parametrize(("free", "state"), [(0, "fail"), (256 << 20, "warn"), (2 << 30, "ok")])
    def test_the_disk_has_to_have_room(self, free, state):
        assert doctor.of_disk(free).state == state

    @pytest.mark.parametrize(("offset", "state"), [(0.0, "ok"), (2.0, "ok"), (2.1, "warn"), (-2.1, "warn")])
    def test_a_clock_more_than_two_seconds_off_is_told(self, offset, state):
        assert doctor.of_clock(offset).state == state

    @pytest.mark.parametrize(("late_s", "state"), [(0, "ok"), (5, "ok"), (6, "warn"), (61, "fail")])
    def test_the_pulse_is_judged(self, late_s, state):
        Promise.objects.create(
            kind="a",
            lane="page",
            subject_kind="a",
            subject_id="1",
            due_at=AT - timedelta(seconds=late_s),
            created_at=AT,
        )
        assert states(doctor.of_promises(AT))["pulse"] == state

    def test_dead_letters_are_told(self):
        Promise.objects.create(
            kind="a",
            lane="page",
            subject_kind="a",
            subject_id="1",
            due_at=AT,
            created_at=AT,
            ended_at=AT,
            ended_as="dead",
        )
        assert states(doctor.of_promises(AT))["dead letters"] == "warn"

    def route(self, **fields):
        return Route.objects.create(channel="email", driver="email", name="main", **fields)

    def test_mail_that_goes_nowhere_is_told(self):
        Route.objects.create(channel="email", driver="outbox", name="outbox")
        assert "built-in outbox" in list(doctor.of_mail(AT))[-1].said
        assert [finding.state for finding in doctor.of_texts(AT)] == ["warn"]

    def test_a_mail_server_is_tried(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            route = self.route(config={"host": "127.0.0.1", "port": port})
            assert states(doctor.of_mail(AT))["mail, main"] == "ok"
        assert states(doctor.of_mail(AT))["mail, main"] == "fail"
        Route.objects.filter(id=route.id).update(config={"base_url": f"http://127.0.0.1:{port}/2010"})
        assert states(doctor.of_mail(AT))["mail, main"] == "fail"
        Route.objects.filter(id=route.id).update(config={"host": "127.0.0.1", "port": "mail"})
        assert states(doctor.of_mail(AT))["mail, main"] == "fail"

    def test_a_route_whose_secrets_nobody_can_open_is_told(self):
        self.route(secrets=b"\x02 sealed with another key")
        (found,) = (each for each in doctor.of_mail(AT) if each.about == "mail, main")
        assert (found.state, "another master key" in found.said) == ("fail", True)

    def test_a_route_that_rests_after_failures_is_told(self):
        self.route(resting_until=AT + timedelta(minutes=1), failures=3)
        assert states(doctor.of_mail(AT))["mail, main"] == "warn"


class TestServing:
    def test_a_taken_port_is_refused_with_the_settings_name(self, settings):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            settings.HOST, settings.PORT = "127.0.0.1", taken.getsockname()[1]
            with pytest.raises(CommandError, match=r"in use by another program.*NIGHTDESK_PORT"):
                serve._refuse_taken_port()

    def test_an_address_that_is_not_ours_is_refused_with_the_settings_name(self, settings):
        settings.HOST, settings.PORT = "192.0.2.1", 8080
        with pytest.raises(CommandError, match="NIGHTDESK_HOST"):
            serve._refuse_taken_port()

    def test_nobody_answering_counts_as_not_ready(self, settings):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(OSError, match="refused"):
            serve.answers("127.0.0.1", port)


@pytest.mark.django_db
class TestOutages:
    """`nightdesk outages`: one verb, one action, as on the web."""

    @pytest.fixture
    def network(self):
        made = Network(at=AT)
        made.customer("Acme", "Cleo")
        return made

    def test_from_the_proposal_to_the_end(self, network):
        assert said("outages", "list") == "There are none.\n"
        brand = ["--brand", network.brand.slug]
        assert "O-1001  major  Switch: proposed" in said("outages", "propose", "Switch", "--part", "access-1", *brand)
        assert "investigating" in said("outages", "confirm", "O-1001", *brand)
        looked = said("outages", "say", "O-1001", "We know of it.", "--look", *brand)
        assert "We know of it." in looked
        assert "1 person: 1 mails" in looked
        told = said("outages", "say", "O-1001", "We found it.", "--state", "identified", *brand)
        assert "Identified: We found it." in told
        assert "No change" in said("outages", "no-change", "1001", *brand)
        ended = json.loads(said("outages", "withdraw", "1001", "--json", *brand))
        assert (ended["state"], len(ended["updates"])) == ("withdrawn", 3)
        assert said("outages", "list", *brand) == "There are none.\n"
        assert "O-1001" in said("outages", "list", "--all")

    @pytest.mark.parametrize(
        "line",
        [
            ["show", "O-7"],
            ["show", "switch"],
            ["propose", "Switch", "--part", "nothing"],
            ["propose", "Switch", "--part", "core=broken"],
        ],
    )
    def test_what_is_not_there_is_refused_by_name(self, network, line):
        with pytest.raises(Refusal):
            said("outages", *line, "--brand", network.brand.slug)


@pytest.mark.parametrize(
    ("how", "state", "words"),
    [
        ({"is_on": False}, "fail", "was started before"),
        ({"failing": True}, "fail", "cannot hand out"),
        ({"behind": timedelta(minutes=6)}, "fail", "has waited for 360 s"),
        ({"since": None}, "warn", "None can be gone back to yet"),
        ({}, "ok", "each can be gone back to"),
    ],
)
def test_doctor_says_whether_any_moment_can_be_gone_back_to(monkeypatch, how, state, words):
    at = datetime(2026, 11, 26, 4, tzinfo=UTC)
    well = {"is_on": True, "since": at - timedelta(days=1), "behind": timedelta(seconds=2), "failing": False}
    monkeypatch.setattr(doctor.wal, "KEPT_DAYS", 7)
    monkeypatch.setattr(doctor, "database_url", lambda: "")
    monkeypatch.setattr(doctor.restoring, "admin_url_of", lambda _state, _url: "our own")
    monkeypatch.setattr(doctor.keeping_queries, "writes", lambda _at: Writes(**well | how))
    (found,) = doctor.of_writes(at)
    assert (found.state, words in found.said) == (state, True)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgres://n:s@db1,db2/nightdesk?target_session_attrs=read-write", "db1,db2", ","),
        ("postgres://n:s@db1:5433,[::1]:5434/nightdesk?target_session_attrs=read-write", "db1,::1", "5433,5434"),
        ("postgres://n:s@/nightdesk?host=%2Frun%2Fpg&port=5433&target_session_attrs=read-write", "/run/pg", "5433"),
    ],
)
def test_every_host_of_a_database_that_has_several_is_known_with_its_port(monkeypatch, url, host, port):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", url)
    known = settings._database()
    assert (known["HOST"], known["PORT"]) == (host, port)
    assert (known["NAME"], known["USER"], known["PASSWORD"]) == ("nightdesk", "n", "s")
    assert known["OPTIONS"]["target_session_attrs"] == "read-write"


def test_an_address_of_a_database_that_makes_no_sense_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://nd:hunter2@host/db?sslmod=no")
    with pytest.raises(env.BadSetting, match="NIGHTDESK_DATABASE_URL") as refused:
        settings._database()
    assert "hunter2" not in str(refused.value)
