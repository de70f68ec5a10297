"""The same stories over a provider that speaks Twilio's language: signed web hooks, real telephones, real audio.

The provider is `tests.peers.twiml_peer` on an Asterisk of its own; `nightdesk web` takes its web hooks, a worker tells it
what to do.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nightdesk.base.files import read_file
from nightdesk.base.worker import Shift, work
from nightdesk.calls.asking_actions import (
    add_to_call,
    call_back,
    hold_call,
    let_listen,
    park_call,
    take_off_hold,
    take_parked_call,
)
from nightdesk.calls.divert_actions import check_divert
from nightdesk.calls.line_actions import set_pin
from nightdesk.calls.models import Call, DivertCheck, Leg, Message
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels.actions import save_route
from nightdesk.channels.models import Inbound
from nightdesk.customers.models import Contact
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Page
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.phone.asterisk import Asterisk, new_folder
from tests.phone.company import MAIN_NUMBER, STAFF_NUMBER, Company
from tests.phone.switch import DIALPLAN, AsteriskSwitch
from tests.phone.telephone import Telephone, likeness, read_wav, recognised, speech_like
from tests.requires import requires
from tests.system.stack import ROOT, free_port, until

pytestmark = [requires("asterisk", "baresip", "espeak-ng", "sox"), pytest.mark.django_db(transaction=True)]

ACME = "+447700900103"
MOBILES = {"Al": "+447700900111", "Bo": "+447700900112", "Cy": "+447700900113"}
PUBLIC, OUTSIDE = "+442079460777", "+33970000001"
STRANGER, PIN = "+447700900199", "483019"
SAME = 0.95


def named(number: str) -> str:
    """Under which name a telephone with that number registers."""
    return number.removeprefix("+")


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


class WebProcess:
    """`nightdesk web`, which may be killed and started again."""

    def __init__(self, url: str, environment: dict[str, str], log: Path) -> None:
        self.url, self.log = url, log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nightdesk", "web"], env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )

    def answers(self) -> None:
        """Wait until it is ready."""
        until(lambda: answers(self.url), 60, f"nightdesk web answers (see {self.log})")

    def kill(self) -> None:
        """SIGKILL, and wait until it has gone: whoever asks is refused."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        until(lambda: not answers(self.url), 10, "nobody answers")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)


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


class Story:
    """A company whose line is a provider's number, and telephones of everybody."""

    def __init__(self, company: Company, peer: TwimlPeer, carrier: Asterisk) -> None:
        self.company, self.peer, self.carrier = company, peer, carrier
        self.telephones: list[Telephone] = []
        self.old = {file.name for file in self.recordings()}

    def recordings(self) -> list[Path]:
        return list((self.carrier.folder / "spool/recording").rglob("record-*"))

    def telephone(self, number: str, **options: Any) -> Telephone:
        place = self.carrier.folder / f"phone-{len(list(self.carrier.folder.iterdir()))}"
        made = Telephone(place, self.carrier.sip, named(number), **options)
        self.telephones.append(made)
        return made.start()

    def said_to(self, number: str) -> list[str]:
        return [text for call in self.peer.calls.values() if number in (call.to, call.from_) for text in call.heard]


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


def answers(url: str) -> bool:
    """Whether the web process is ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def engineers(story: Story, *names: str, **line: Any) -> list[Person]:
    """Al, Bo and whoever else is named, in that order; Acme is a customer."""
    people = [story.company.engineer(name, mobile=MOBILES[name]) for name in ("Al", "Bo", *names)]
    story.company.line(people, **line)
    story.company.customer("Acme", ACME)
    return people


def takes(story: Story, call: Call, telephone: Telephone, leg: str) -> None:
    """Whoever picked up is asked for a key, and presses it."""
    story.company.asks_for_key(call, leg)
    press_until(telephone, "1", lambda: now(call).state["legs"].get(leg) == "up")


def test_the_second_engineer_takes_the_call_by_key_and_both_hear_each_other(story: Story) -> None:
    engineers(story, joins_s=[3, 30])
    first = story.telephone(MOBILES["Al"])
    second = story.telephone(MOBILES["Bo"], says=speech_like(60, 1))
    caller = story.telephone(ACME, says=speech_like(60, 2))
    caller.dial(MAIN_NUMBER)
    first.wait("CALL_INCOMING", seconds=30)
    second.wait("CALL_INCOMING")
    second.accept()
    call = story.company.call(ACME)
    until(lambda: now(call).state.get("legs", {}).get("e2") == "asked", 20, "Bo is asked for a key")
    assert story.said_to(MOBILES["Bo"]), "who rings is whispered"
    assert now(call).answered_person is None
    second.press("1")
    story.company.reaches(call, "talk")
    first.wait("CALL_CLOSED")
    both_talk(story, 4)
    caller.hang_up()
    second.wait("CALL_CLOSED")
    call = story.company.ended(call)
    assert (call.ended_as, call.answered_person and call.answered_person.name) == ("answered", "Bo")
    assert shared(second.said, caller.heard()) >= SAME
    assert shared(caller.said, second.heard()) >= SAME


def test_who_rings_about_a_known_outage_hears_it_and_rings_nobody(story: Story) -> None:
    people = [story.company.engineer(name, mobile=MOBILES[name]) for name in ("Al", "Bo")]
    story.company.line(people)
    acme = story.company.customer("Acme", ACME)
    story.company.outage(acme, text="The switch in Dock Street is down. A spare is on its way.")
    telephones = [story.telephone(MOBILES[name]) for name in ("Al", "Bo")]
    caller = story.telephone(ACME)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    story.company.reaches(call, "status")
    until(lambda: any("A spare is on its way" in text for text in story.said_to(ACME)), 30, "it is said")
    text = next(text for text in story.said_to(ACME) if "A spare is on its way" in text)
    until(lambda: len(story.said_to(ACME)) > story.said_to(ACME).index(text) + 1, 30, "it was heard out")
    caller.press("1")
    call = story.company.ended(call, 60)
    spoken = read_wav(story.peer.do(story.peer.switch.speak(text, "en-GB")))
    assert likeness(spoken, caller.heard()) >= SAME
    assert (call.ended_as, call.legs.count()) == ("heard_outage", 0)
    assert call.heard_outage_at is not None
    assert (call.heard_outage_at - call.came_at).total_seconds() < 5
    assert [telephone.saw("CALL_INCOMING") for telephone in telephones] == [[], []]


def test_a_message_is_kept_word_for_word_and_its_caller_is_rung_back(story: Story) -> None:
    al = story.company.engineer("Al", mobile=MOBILES["Al"])
    story.company.line([], consent="told")
    story.company.customer("Acme", ACME)
    said = speech_like(60, 5)
    caller = story.telephone(ACME, says=said)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    until(lambda: TwimlLeg.objects.get(call=call).program["doing"] == "record", 60, "it records")
    until(lambda: recording_since(story, 6), 30, "they speak")
    press_until(caller, "#", lambda: now(call).state["stage"] == "review")
    until(lambda: any("keep it" in text for text in story.said_to(ACME)), 30, "they are asked whether to keep it")
    caller.press("1")
    story.company.ended(call)
    message = story.company.message()
    assert (message.kind, message.number) == (Message.Kind.MESSAGE, ACME)
    assert message.recording is not None
    kept = read_wav(read_file(message.recording.digest))
    assert shared(said, kept[4000:]) >= SAME
    assert story.peer.recordings == {}, "the provider keeps nothing of it"

    engineer = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(60, 6))
    ringing = story.telephone(ACME, says=speech_like(60, 7))
    back = call_back(message_id=message.pk, **(story.company.doing | {"by": actor_of_person(al.pk)}))
    until(lambda: now(back).state.get("legs", {}).get("e1") == "asked", 30, "Al is asked for a key")
    engineer.press("1")
    ringing.wait("CALL_INCOMING", seconds=30)
    assert MAIN_NUMBER.removeprefix("+") in ringing.saw("CALL_INCOMING")[0]["peeruri"]
    ringing.accept()
    story.company.reaches(back, "talk")
    both_talk(story, 4)
    ringing.hang_up()
    until(lambda: any("solved" in text for text in story.said_to(MOBILES["Al"])), 30, "Al is asked how it went")
    engineer.press("1")
    story.company.ended(back)
    for telephone in (engineer, ringing):
        telephone.wait("CALL_CLOSED")
        until(lambda heard=telephone.heard: is_whole(heard), 10, "what it heard is written")
    assert shared(ringing.said, engineer.heard()) >= SAME
    assert shared(engineer.said, ringing.heard()) >= SAME
    message.refresh_from_db()
    assert (message.reached_by, "solved" in message.outcome) == (al, True)


def test_a_caller_whom_nobody_knows_is_known_by_their_pin_which_is_nowhere_kept(story: Story) -> None:
    al, _bo = engineers(story, joins_s=[60, 90], ring_s=90, longest_hunt_s=300)
    acme = Contact.objects.get(phone=ACME)
    set_pin(contact_id=acme.pk, pin=PIN, **story.company.doing)
    engineer = story.telephone(MOBILES["Al"])
    caller = story.telephone(STRANGER, register=False)
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING", seconds=30)
    call = story.company.call(STRANGER)
    assert call.customer is None
    press_until(caller, "*", lambda: now(call).state["stage"] == "pin")
    until(lambda: any("PIN" in text for text in story.said_to(STRANGER)), 20, "they are asked for it")
    caller.press(f"{PIN}#")
    until(lambda: now(call).customer_id == acme.customer_id, 30, f"known by PIN: {story.company.story(call)}")
    engineer.wait("CALL_INCOMING", 2, seconds=30)
    engineer.accept()
    leg = Leg.objects.filter(call=call, person=al).order_by("-ordered_at")[0].name
    takes(story, call, engineer, leg)
    story.company.reaches(call, "talk")
    caller.hang_up()
    call = story.company.ended(call)
    assert (call.known_by, call.ended_as, call.answered_person) == ("pin", "answered", al)
    assert PIN not in str(story.company.story(call))
    assert PIN not in str(list(Inbound.objects.values())) + str(list(TwimlLeg.objects.values()))


def test_one_of_ours_hears_open_pages_and_takes_one_by_key(story: Story) -> None:
    """From a telephone that nobody knows: their own rings with the page just then."""
    al, _bo = engineers(story)
    set_pin(person_id=al.pk, pin=PIN, **story.company.doing)
    page = trigger_page(brand_id=story.company.brand.pk, title="core-2 is down", priority="P1", **story.company.doing)
    caller = story.telephone(STRANGER, register=False)
    caller.dial(STAFF_NUMBER)
    call = story.company.call(STRANGER)
    story.company.reaches(call, "pin")
    until(lambda: any("PIN" in text for text in story.said_to(STRANGER)), 20, "Al is asked for it")
    caller.press(f"{PIN}#")
    story.company.reaches(call, "read_out")
    until(lambda: any("core-2 is down" in text for text in story.said_to(STRANGER)), 30, "it is read out")
    press_until(caller, "1", lambda: Page.objects.get(pk=page.pk).state == "acknowledged")
    assert Page.objects.get(pk=page.pk).owner == al
    story.company.ended(call, 60)


def test_a_colleague_joins_a_newcomer_only_listens_and_who_is_parked_is_taken(story: Story) -> None:
    al, bo, cy = engineers(story, "Cy", joins_s=[60, 90])
    engineer = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(4, 31), says_when_told=True)
    colleague = story.telephone(MOBILES["Bo"], answers="auto", says=speech_like(4, 32), says_when_told=True)
    newcomer = story.telephone(MOBILES["Cy"], answers="auto", says=speech_like(4, 33), says_when_told=True)
    caller = story.telephone(ACME)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    takes(story, call, engineer, "e1")
    doing = story.company.doing | {"by": actor_of_person(al.pk)}

    hold_call(call_id=call.pk, **doing)
    in_talk(story, 0)
    engineer.say()
    engineer.wait_said()
    take_off_hold(call_id=call.pk, **doing)
    in_talk(story, 2)

    add_to_call(call_id=call.pk, person_id=bo.pk, **doing)
    story.company.until_so(call, lambda one: len(one.state["legs"]) == 3, "Bo is rung")
    takes(story, call, colleague, next(iter(set(now(call).state["legs"]) - {"caller", "e1"})))
    before = set(now(call).state["legs"])
    let_listen(call_id=call.pk, person_id=cy.pk, **doing)
    story.company.until_so(call, lambda one: len(one.state["legs"]) == 4, "Cy is rung")
    takes(story, call, newcomer, next(iter(set(now(call).state["legs"]) - before)))
    in_talk(story, 4)
    story.company.hears_out(call)
    for telephone in (newcomer, colleague):
        telephone.say()
        telephone.wait_said()
    newcomer.hang_up()
    colleague.hang_up()
    in_talk(story, 2)

    park_call(call_id=call.pk, **doing)
    engineer.wait("CALL_CLOSED")
    again = len(colleague.saw("CALL_ESTABLISHED")) + 1
    take_parked_call(call_id=call.pk, **story.company.doing | {"by": actor_of_person(bo.pk)})
    colleague.wait("CALL_ESTABLISHED", again, seconds=30)
    story.company.until_so(call, lambda one: "asked" in one.state["legs"].values(), "Bo is asked for a key")
    leg = next(name for name, stands in now(call).state["legs"].items() if stands == "asked")
    takes(story, call, colleague, leg)
    in_talk(story, 2)
    caller.hang_up()
    call = story.company.ended(call)
    colleague.wait("CALL_CLOSED", 2)
    assert call.ended_as == "answered"
    heard = {one.user: one.heard() for one in (caller, engineer, colleague, newcomer)}
    for who in (caller, engineer, newcomer):
        assert recognised(colleague.said, heard[who.user]) >= 0.6, who.user
    for who in (caller, engineer, colleague):
        assert recognised(newcomer.said, heard[who.user]) == 0, f"{who.user} hears who only listens"
    assert recognised(engineer.said, heard[caller.user]) == 0, "on hold nobody hears what is said of them"


def test_the_web_process_is_killed_between_two_hooks_and_the_provider_goes_on_at_its_step(
    story: Story, web: WebProcess
) -> None:
    al, _bo = engineers(story, joins_s=[60, 90], ring_s=90, longest_hunt_s=300)
    story.peer.patience_s = 60.0
    engineer = story.telephone(MOBILES["Al"], says=speech_like(60, 34))
    caller = story.telephone(ACME, says=speech_like(60, 35))
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING", seconds=30)
    call = story.company.call(ACME)
    web.kill()
    engineer.accept()
    engineer.wait("CALL_ESTABLISHED")
    web.start()
    takes(story, call, engineer, "e1")
    story.company.reaches(call, "talk")
    both_talk(story, 4)
    web.kill()
    caller.hang_up()
    caller.wait("CALL_CLOSED")
    web.start()
    call = story.company.ended(call, 60)
    engineer.wait("CALL_CLOSED")
    assert (call.ended_as, call.answered_person) == ("answered", al)
    assert (Call.objects.count(), Leg.objects.filter(call=call).count()) == (1, 1)
    assert len(engineer.saw("CALL_INCOMING")) == 1
    assert shared(engineer.said, caller.heard()) >= SAME
    assert shared(caller.said, engineer.heard()) >= SAME


@pytest.fixture
def outside(story: Story) -> Iterator[AsteriskSwitch]:
    """A second provider, which rings our public number; the test says where that leads."""
    switch = AsteriskSwitch(story.carrier, {}, "outside")
    with TwimlPeer(switch, account_sid="AC" + "8" * 32, auth_token="the second provider's") as peer:
        save_route(
            channel="voice", driver="twilio_voice", name="second",
            config={"account_sid": peer.account_sid, "from": OUTSIDE, "base_url": peer.url},
            secrets={"auth_token": peer.auth_token}, **story.company.doing,
        )  # fmt: skip
        peer.numbers = {OUTSIDE: Number("http://127.0.0.1:9/")}
        yield switch
        if os.environ.get("NIGHTDESK_KEEP_PHONE"):
            print([(hook[0], hook[1].get("CallStatus"), hook[2]) for hook in peer.hooks], peer.problems)
        assert peer.problems == []
        assert peer.recordings == {}


@pytest.mark.parametrize(
    ("leads_to", "heard", "trouble"),
    [
        (f"PJSIP/anonymous/sip:{MAIN_NUMBER}@127.0.0.1:SIP", True, ""),
        (None, False, "The number could not be reached. SIP 480 The ring did not come to us."),
        (f"PJSIP/{MOBILES['Al'].removeprefix('+')}", False,
         "Something answered, and it was not our greeting. The ring did not come to us."),
    ],
    ids=["right", "nowhere", "somebody else"],
)  # fmt: skip
def test_the_divert_is_rung_from_outside(
    story: Story, outside: AsteriskSwitch, leads_to: str | None, heard: bool, trouble: str
) -> None:
    line = story.company.line(
        [story.company.engineer("Bo", mobile=MOBILES["Bo"])], numbers=[PUBLIC, MAIN_NUMBER], divert_from=OUTSIDE
    )
    engineer = story.telephone(MOBILES["Bo"])
    somebody = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(8, 9))
    if leads_to is not None:
        outside.telephones[PUBLIC] = leads_to.replace(":SIP", ":" + str(story.carrier.sip)) if heard else leads_to
    check = check_divert(line_id=line.pk, **story.company.doing)
    if leads_to is not None and not heard:
        somebody.wait("CALL_ESTABLISHED")
        until(lambda: recording_since(story, 4), 20, "they say something")
        somebody.hang_up()
    until(lambda: DivertCheck.objects.exclude(ended_at=None).filter(pk=check.pk).exists(), 90, "it has ended")
    check.refresh_from_db()
    assert (check.heard, check.trouble) == (heard, trouble)
    assert (check.seen_at is not None) is heard
    assert engineer.saw("CALL_INCOMING") == []


def now(call: Call) -> Call:
    return Call.objects.get(pk=call.pk)


def press_until(telephone: Telephone, key: str, so: Callable[[], bool]) -> None:
    """Press it, and again where nothing comes of it, as people do."""
    for _ in range(4):
        telephone.press(key)
        with contextlib.suppress(AssertionError):
            until(so, 8, "something comes of it")
            return
    until(so, 1, f"something comes of key {key}")


def in_talk(story: Story, count: int) -> None:
    """Wait until the provider has so many in one room."""

    def so() -> bool:
        rows = [row.split() for row in story.carrier.cli("bridge show all").splitlines()[1:]]
        return sum(int(row[2]) for row in rows if len(row) > 2) == count

    until(so, 20, f"{count} hear each other: {story.carrier.cli('bridge show all')}")


def both_talk(story: Story, seconds: float) -> None:
    """Wait until two telephones have been joined for so long."""
    until(lambda: len(story.carrier.channels()) == 2, 15, "two are left")
    joined = time.monotonic()
    until(lambda: time.monotonic() - joined >= seconds, seconds + 5, "they talk")


def recording_since(story: Story, seconds: float) -> bool:
    """Whether somebody is being recorded for so long by now."""
    return any(file.stat().st_size > seconds * 16000 for file in story.recordings() if file.name not in story.old)


def shared(said: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """The greatest likeness of any two seconds of what was heard with anything of what was said."""
    return max(likeness(heard[begin : begin + 16000], said) for begin in range(0, len(heard) - 16000, 8000))


def is_whole(heard: Callable[[], NDArray[np.int16]]) -> bool:
    """Whether the telephone has written down what it heard."""
    try:
        return len(heard()) > 8000
    except wave.Error:
        return False
