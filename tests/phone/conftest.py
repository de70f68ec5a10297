"""The room in which telephones ring: an Asterisk, `nightdesk line` on the test's own database, and a small company."""

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nightdesk.base.worker import Shift, work
from nightdesk.channels.actions import save_route
from nightdesk.lines.asterisk import dialplan
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.phone.asterisk import SECRET, USER, Asterisk, new_folder, telephones_of
from tests.phone.company import FALLBACK_NUMBER, MAIN_NUMBER, SPEED, STAFF_NUMBER, Company
from tests.phone.provider import ACME, MOBILES, Story, WebProcess, named
from tests.phone.room import LineProcess, Room
from tests.phone.switch import DIALPLAN, AsteriskSwitch
from tests.system.stack import ROOT, free_port, until

ENGINEERS = [f"eng{number}" for number in range(1, 7)]
OUTSIDE = [f"4477009001{number:02}" for number in range(1, 7)]
"""Mobiles of engineers and telephones of customers: here they register, so that an outside number is a real telephone too."""


@pytest.fixture(scope="session")
def exchange() -> Iterator[Asterisk]:
    """An Asterisk for the stories of this process."""
    folder = new_folder()
    plan = dialplan.extensions(
        [dialplan.LinePlan("Fall-back", [FALLBACK_NUMBER], ENGINEERS[4:6])],
        dialplan.Setting(recordings=str(folder / "spool/recording"), ring_s=6),
    )
    numbers = {name: f"+{name}" for name in OUTSIDE}
    asterisk = Asterisk(folder, plan, telephones_of(ENGINEERS) | numbers)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.stop()
        if not os.environ.get("NIGHTDESK_KEEP_PHONE"):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def line_process(exchange: Asterisk, django_db_setup: None, django_db_blocker: Any) -> Iterator[LineProcess]:
    """`nightdesk line` on the database of this process's tests."""
    from django.db import connection

    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
    url = os.environ["NIGHTDESK_DATABASE_URL"].replace("/nightdesk?", f"/{name}?")
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "NIGHTDESK_DATABASE_URL": url,
        "NIGHTDESK_ARI_URL": exchange.url,
        "NIGHTDESK_ARI_USER": USER,
        "NIGHTDESK_ARI_SECRET": SECRET,
        "NIGHTDESK_ARI_TRUNK": "PJSIP/{digits}",
        "NIGHTDESK_SPEECH_SPEED": str(SPEED),
    }
    process = LineProcess(environment, exchange.folder / "line.log")
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def room(exchange: Asterisk, line_process: LineProcess, transactional_db: None) -> Iterator[Room]:
    """Nightdesk runs, and no call does; telephones hang up at the end."""
    room = Room(exchange, line_process)
    if not line_process.runs:
        line_process.start()
    try:
        yield room
    finally:
        for telephone in room.telephones:
            with contextlib.suppress(OSError):
                telephone.stop()
        exchange.cli("channel request hangup all")
        until(room.is_quiet, 20, f"every call has ended: {exchange.channels()}")


@pytest.fixture
def company(room: Room) -> Company:
    """A provider with engineers and customers."""
    del room
    return Company()


@pytest.fixture(scope="module")
def carrier() -> Iterator[Asterisk]:
    """The provider's Asterisk, where everybody's telephone registers."""
    folder = new_folder()
    asterisk = Asterisk(folder, DIALPLAN, {named(one): one for one in (ACME, *MOBILES.values())})
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def web(carrier: Asterisk, django_db_setup: None, django_db_blocker: Any) -> Iterator[WebProcess]:
    """It runs on the database of this process's tests."""
    from django.db import connection

    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "NIGHTDESK_DATABASE_URL": os.environ["NIGHTDESK_DATABASE_URL"].replace("/nightdesk?", f"/{name}?"),
        "NIGHTDESK_PORT": str(port),
        "NIGHTDESK_PUBLIC_URL": url,
    }
    process = WebProcess(url, environment, carrier.folder / "web.log")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def story(carrier: Asterisk, web: WebProcess, transactional_db: None, settings: Any) -> Iterator[Story]:
    settings.PUBLIC_URL = web.url
    web.answers()
    switch = AsteriskSwitch(carrier, {one: f"PJSIP/{named(one)}" for one in (ACME, *MOBILES.values())})
    shift = Shift("phone")
    worker = threading.Thread(target=work, args=(shift,))
    with TwimlPeer(switch) as peer:
        company = Company()
        route = save_route(
            channel="voice", driver="twilio_voice", name="line",
            config={"account_sid": peer.account_sid, "from": MAIN_NUMBER, "base_url": peer.url},
            secrets={"auth_token": peer.auth_token}, **company.doing,
        )  # fmt: skip
        at = f"{web.url}/providers/twilio/{route.pk}/line"
        ours = Number(at, f"{at}/status")
        peer.numbers = {MAIN_NUMBER: ours, STAFF_NUMBER: ours, "+442079460001": Number(at)}
        worker.start()
        here = Story(company, peer, carrier)
        try:
            yield here
        finally:
            if os.environ.get("NIGHTDESK_KEEP_PHONE"):
                for hook in peer.hooks:
                    print(hook)
                print(peer.problems, carrier.cli("bridge show all"), carrier.folder)
            for telephone in here.telephones:
                telephone.stop()
            shift.stop()
            worker.join(20)
        assert peer.problems == []
        assert [hook for hook in peer.hooks if hook[2] != 200] == []
    assert company.troubles() == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A story that fails tells what the process, Asterisk and the calls had to say."""
    report = yield
    room = getattr(item, "funcargs", {}).get("room")
    if report.when == "call" and report.failed and room is not None:
        from nightdesk.calls.models import Call, CallEvent

        for name, file in (("nightdesk line", room.line.log), ("Asterisk", room.asterisk.folder / "log/messages")):
            report.sections.append((name, file.read_text(errors="replace")[-4000:] if file.exists() else ""))
        rows = CallEvent.objects.order_by("call", "number")
        told = [f"{row.at:%M:%S.%f} {row.number} {row.event} | {' '.join(row.why)} {row.trouble}" for row in rows]
        calls = [str(Call.objects.filter(pk=call.pk).values().first()) for call in Call.objects.all()]
        report.sections.append(("calls", "\n".join([*calls, *told])))
    return report
