"""`make chaos`: alarms, mails, calls, updates and handovers go on while everything breaks; afterwards what became of them.

    NIGHTDESK_CHAOS_MINUTES=5  NIGHTDESK_SEED=...  python -m tests.chaos

Needs root: the state folder is a small tmpfs that fills up, the program has an /etc/hosts of its own whose names vanish, and a
network of its own, whose cable loses packets and lets them overtake each other. Ends with 0 where nothing was lost, else with 1.
"""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.chaos.checker import Accepted, Received, Verdict, check
from tests.peers.handsets import Handsets, leaves_message
from tests.peers.link import Link
from tests.peers.mail_sink import MailSink
from tests.peers.sms_provider import SmsProvider
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.peers.wire import HERE, THERE, Wire
from tests.phone.telephone import speech_like, write_wav
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE, PAGER
from tests.system.stack import ROOT, Stack, _migrated, free_port, until

MINUTES = float(os.environ.get("NIGHTDESK_CHAOS_MINUTES", "5"))
SEED = int(os.environ.get("NIGHTDESK_SEED", str(random.SystemRandom().randrange(10**6))))
SUPPORT, NOOR = "support@night.example", "noor@customer.example"
CUSTOMERS = "whoever wrote"
"""Each mail is another customer's, who is told that it has come."""
NAMES = {"sms": "sms.provider.test", "mail": "mail.provider.test", "voice": "voice.provider.test"}
LINE, PAGES_BY = "+442079460000", "+442079460001"
CALL_WITHIN_S = 60.0
ROOM_MB = 900
HELD_S, CALM_S = (3.0, 9.0), 6.0
SETTLED_WITHIN_S = 240.0
EVERY_S = {"alarm": 0.7, "mail": 1.5, "call": 3.0, "update": 12.0, "handover": 9.0}

SET_UP = """
import json
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.mailroom import actions as mailroom
from nightdesk.outages import actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Part
doing = lambda: {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
part = Part.objects.get(key="dock-sw2")
outage = actions.propose_outage(
    brand_id=part.brand_id, title="Dock Street", parts={part.pk: int(Effect.DOWN)}, severity="minor", **doing()
)
actions.confirm_outage(outage_id=outage.pk, **doing())
actions.edit_outage(outage_id=outage.pk, fields={"public": True, "public_title": "Dock Street"}, **doing())
print(outage.pk)
"""
SET_UP_LINE = f"""
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.calls.line_actions import LineWanted, save_line
wanted = LineWanted(
    name="Main", numbers=["{LINE}"], shown_number="{LINE}", pager_number="{PAGES_BY}", night_seats=["night"], consent="told"
)
save_line(brand_id=Brand.objects.get().pk, wanted=wanted, by=SCHEDULER, via=Door.CLI, at=clock.now())
"""


@dataclass
class Night:
    """All that runs. `links` by what they lead to: sms, mail, voice, web."""

    stack: Stack
    sms: SmsProvider
    mails: MailSink
    voice: TwimlPeer
    callers: Handsets
    wire: Wire
    links: dict[str, Link]
    hosts: Path
    staged: dict[str, Any]
    lmtp: int
    token: str = ""
    outage: str = ""


def main() -> int:
    """A night, its work and its troubles; then the verdict."""
    if os.geteuid() != 0:
        print("make chaos needs root: it mounts a small disk, and gives the program names of its own.", file=sys.stderr)
        return 2
    print(f"{MINUTES:g} minutes of chaos, NIGHTDESK_SEED={SEED}", flush=True)
    chance = random.Random(SEED)
    with night() as here:
        work = Work(here)
        met = Counter[str]()
        with work:
            end = time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                for trouble in chance.sample(TROUBLES, len(TROUBLES)):
                    if time.monotonic() >= end:
                        break
                    met[trouble.__name__] += 1
                    print(f"  {trouble.__name__.replace('_', ' ')}", flush=True)
                    with trouble(here, chance):
                        time.sleep(chance.uniform(*HELD_S))
                    until(here.stack.ready, 60, f"it answers again after {trouble.__name__}")
                    time.sleep(CALM_S)
        verdict = settled(here, work)
        here.stack.cli("journal", "verify")
        print(
            f"packets: {here.wire.lost} lost, {here.wire.overtaken} overtaken; refused: {dict(sorted(work.refused.items()))}"
        )
    print(f"troubles: {', '.join(f'{name} {count}' for name, count in sorted(met.items()))}")
    print(f"{verdict}\n{'It holds: nothing that was accepted is lost.' if verdict.holds else 'IT DOES NOT HOLD.'}")
    return 0 if verdict.holds else 1


def settled(here: Night, work: "Work") -> Verdict:
    """The verdict, once nothing is missing any more, or when all has had time enough to arrive."""
    end = time.monotonic() + SETTLED_WITHIN_S
    while True:
        verdict = judge(here, work.accepted)
        if verdict.holds or time.monotonic() >= end:
            return verdict
        time.sleep(2.0)


def judge(here: Night, accepted: list[Accepted]) -> Verdict:
    """By the providers' own records and the journal."""
    texts = [Received(_key(one.body), one.to, one.received_at) for one in here.sms.messages.all()]
    mails = [
        Received(key, CUSTOMERS if address.endswith("@acme.example") else address, at)
        for at, mail in here.mails.mails.since(0)
        for address in mail.recipients
        if (key := _key(f"{mail.message['Subject']} {mail.raw.decode(errors='replace')}"))
    ]
    told = here.stack.rows(
        "SELECT p.title FROM journal_entry j JOIN paging_page p ON p.id::text = j.subject_id WHERE j.kind = 'page.triggered'"
    )
    holders = here.stack.rows(
        "SELECT split_part(facts->>'person', ' ', 1) FROM journal_entry "
        "WHERE kind IN ('duty.set', 'duty.passed') ORDER BY xid, id"
    )
    return check(
        accepted,
        [*texts, *mails],
        places={"alarm": PAGED, "call": PAGED, "mail": [[CUSTOMERS]], "update": [[NOOR]]},
        journal=Counter(_key(title) for (title,) in told),
        holders=[str(name) for (name,) in holders],
    )


PAGED = [[BO_PHONE, AL_PHONE], [BO, AL]]
_KEY = re.compile(r"chaos-[a-z]+-\d+x|\+441632\d{6}")


def _key(text: str) -> str:
    """The name of what it is about, chaos-alarm-12x, or whose call: the first that stands there."""
    found = _KEY.search(text)
    return found.group() if found else ""


class Work:
    """What goes on: each kind of work in a thread of its own, each piece under a new name until it is accepted."""

    def __init__(self, here: Night) -> None:
        self.accepted: list[Accepted] = []
        self.refused = Counter[str]()
        self._here = here
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(kind,)) for kind in EVERY_S]

    def __enter__(self) -> "Work":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _go_on(self, kind: str) -> None:
        number = 0
        ways: dict[str, Callable[[str, int], bool]] = {
            "alarm": self._alarm, "mail": self._mail, "call": self._call, "update": self._update, "handover": self._handover,
        }  # fmt: skip
        while not self._ended.wait(EVERY_S[kind]):
            number += 1
            key = f"+441632{960_000 + number}" if kind == "call" else f"chaos-{kind}-{number}x"
            with contextlib.suppress(OSError, smtplib.SMTPException, http.client.HTTPException):
                if ways[kind](key, number):
                    named = ("Al", "Bo")[number % 2] if kind == "handover" else key
                    self.accepted.append(Accepted(kind, named, time.time()))
                    continue
            self.refused[kind] += 1

    def _alarm(self, key: str, number: int) -> bool:
        body = {"summary": f"router {key} is down", "dedup_key": key, "severity": "critical"}
        return self._post(f"/hooks/generic/{self._here.staged['keys']['generic']}", body) == 202

    def _mail(self, key: str, number: int) -> bool:
        sender = f"cleo{number}@acme.example"
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, SUPPORT, f"The line {key} is slow"
        mail["Message-ID"] = f"<{key}@acme.example>"
        mail.set_content("It crawls.")
        with smtplib.LMTP(THERE, self._here.lmtp, timeout=15) as door:
            return not door.send_message(mail)

    def _call(self, key: str, number: int) -> bool:
        del number
        return leaves_message(self._here.voice, self._here.callers, key, LINE, CALL_WITHIN_S)

    def _update(self, key: str, number: int) -> bool:
        body = {"state": "identified", "texts": {"en-gb": f"We still look into it, {key}."}}
        return self._post(f"/api/v1/outages/{self._here.outage}/updates", body, self._here.token) == 201

    def _handover(self, key: str, number: int) -> bool:
        to = self._here.staged["people"][(number + 1) % 2]
        return self._post("/api/v1/seats/night/pass", {"person_id": to}, self._here.token) == 200

    def _post(self, path: str, body: Any, token: str = "") -> int:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._here.links['web'].port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


# ---- What breaks ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def kill_the_worker(here: Night, chance: random.Random) -> Iterator[None]:
    _kill(here, "worker")
    yield


@contextlib.contextmanager
def kill_the_web(here: Night, chance: random.Random) -> Iterator[None]:
    _kill(here, "web")
    yield


@contextlib.contextmanager
def kill_the_listener(here: Night, chance: random.Random) -> Iterator[None]:
    _kill(here, "listen")
    yield


@contextlib.contextmanager
def kill_the_database(here: Night, chance: random.Random) -> Iterator[None]:
    _kill(here, "postgres")
    yield


def _kill(here: Night, name: str) -> None:
    with contextlib.suppress(LookupError, ProcessLookupError):
        os.kill(here.stack.pid_of(name), signal.SIGKILL)


@contextlib.contextmanager
def fill_the_disk(here: Night, chance: random.Random) -> Iterator[None]:
    ballast = here.stack.state / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def hang_a_provider(here: Night, chance: random.Random) -> Iterator[None]:
    with _mood(here.links[chance.choice(sorted(NAMES))], "silent"):
        yield


@contextlib.contextmanager
def refuse_at_the_providers(here: Night, chance: random.Random) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for name in NAMES:
            held.enter_context(_mood(here.links[name], "down"))
        yield


@contextlib.contextmanager
def roughen_the_network(here: Night, chance: random.Random) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for link in here.links.values():
            held.enter_context(_mood(link, "rough"))
        yield


@contextlib.contextmanager
def spoil_the_cable(here: Night, chance: random.Random) -> Iterator[None]:
    """Packets get lost, and overtake each other."""
    with _mood(here.wire, "rough"):
        yield


@contextlib.contextmanager
def cut_the_cable(here: Night, chance: random.Random) -> Iterator[None]:
    with _mood(here.wire, "cut"):
        yield


@contextlib.contextmanager
def take_the_names_away(here: Night, chance: random.Random) -> Iterator[None]:
    here.hosts.write_text("127.0.0.1 localhost\n")
    for name in NAMES:
        here.links[name].feel("calm")  # what is open breaks, and has to look the name up
    try:
        yield
    finally:
        here.hosts.write_text(_names())


@contextlib.contextmanager
def offset_the_clock(here: Night, chance: random.Random) -> Iterator[None]:
    with contextlib.suppress(Exception):
        here.stack.jump(timedelta(seconds=chance.choice((-20, 30, 90))))
    yield


TROUBLES: list[Callable[[Night, random.Random], Any]] = [
    kill_the_worker, kill_the_web, kill_the_listener, kill_the_database, fill_the_disk, hang_a_provider,
    refuse_at_the_providers, roughen_the_network, spoil_the_cable, cut_the_cable, take_the_names_away, offset_the_clock,
]  # fmt: skip


@contextlib.contextmanager
def _mood(way: Link | Wire, mood: Any) -> Iterator[None]:
    way.feel(mood)
    try:
        yield
    finally:
        way.feel("calm")


# ---- The night ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def night() -> Iterator[Night]:
    """The whole program on a small disk and at the far end of a cable, its providers behind links that may break."""
    with contextlib.ExitStack() as held:
        place = held.enter_context(small_disk())
        sms = held.enter_context(SmsProvider(account_sid="AC" + "1" * 32, auth_token="secret", numbers=(PAGER,)))
        mails = held.enter_context(MailSink())
        callers = Handsets(write_wav(place / "said.wav", speech_like(3, SEED)).read_bytes())
        voice = held.enter_context(TwimlPeer(callers))
        voice.patience_s = 10.0
        wire = held.enter_context(Wire(seed=SEED))
        ports = {"sms": _port(sms.url), "mail": mails.port, "voice": _port(voice.url)}
        links = {name: held.enter_context(Link(port, here=HERE, seed=SEED)) for name, port in ports.items()}
        links["web"] = held.enter_context(Link(there=THERE, seed=SEED))
        voice.url = f"http://{NAMES['voice']}:{links['voice'].port}"  # as it names itself to the program
        hosts, resolver, lmtp = place / "hosts", place / "resolv.conf", free_port()
        hosts.write_text(_names())
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        state = place / "state"
        state.mkdir(mode=0o711)
        subprocess.run(["cp", "--archive", _migrated() / "postgres", state], check=True)
        running = Stack(
            state,
            NIGHTDESK_HOST="0.0.0.0",
            NIGHTDESK_LMTP_LISTEN=f"0.0.0.0:{lmtp}",
            NIGHTDESK_PUBLIC_URL=f"http://127.0.0.1:{links['web'].port}",
            NIGHTDESK_MAIL_FROM="Nightdesk <pager@night.example>",
        )
        links["web"].to, running.url = running.port, f"http://{THERE}:{running.port}"
        own_names = f'mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf && exec "$@"'
        running.command = [*wire.prefix, "unshare", "--mount", "sh", "-c", own_names, "sh", *running.command]
        held.callback(running.log.close)
        held.callback(running.stop)
        running.start()
        staged = running.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE},
                {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
            ],
            smtp={"host": NAMES["mail"], "port": links["mail"].port},
            routes=[
                {
                    "channel": "voice",
                    "driver": "twilio_voice",
                    "name": "line",
                    "config": {"account_sid": voice.account_sid, "from": LINE, "base_url": voice.url},
                    "secrets": {"auth_token": voice.auth_token},
                }
            ],
            sms={
                "base_url": f"http://{NAMES['sms']}:{links['sms'].port}",
                "account_sid": "AC" + "1" * 32,
                "auth_token": "secret",
                "from": PAGER,
            },
            step_s=24 * 3600,
            storm_limit=100_000,
            formats=["generic"],
            addresses=["@night.example"],
            desk=SUPPORT,
        )
        at = f"{running.environment['NIGHTDESK_PUBLIC_URL']}/providers/twilio"
        sms.incoming_url = f"{at}/{staged['texts']}/sms"
        voice.numbers = {
            LINE: Number(f"{at}/{staged['routes']['line']}/line", f"{at}/{staged['routes']['line']}/line/status")
        }
        here = Night(running, sms, mails, voice, callers, wire, links, hosts, staged, lmtp)
        running.cli("shell", "-c", SET_UP_LINE)
        _stage_outage(here)
        yield here


def _stage_outage(here: Night) -> None:
    running = here.stack
    done = subprocess.run(
        [sys.executable, "-m", "tests.system.outage_stage"],
        env=running.environment | {"NIGHTDESK_DATABASE_URL": running.database_url()},
        cwd=ROOT, input=json.dumps({"customers": [[["Noor", NOOR, ""]]]}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here.outage = running.cli("shell", "-c", SET_UP).split()[-1]
    here.token = running.cli("token", "new", "chaos", "--scope", "admin").split()[-1]


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A tmpfs of `ROOM_MB`, gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix="nightdesk-chaos-", dir="/var/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_MB}m,mode=0711", "nightdesk-chaos", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(place, ignore_errors=True)


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].partition("/")[0])


def _names() -> str:
    return f"127.0.0.1 localhost\n{HERE} {' '.join(NAMES.values())}\n"


if __name__ == "__main__":
    sys.exit(main())
