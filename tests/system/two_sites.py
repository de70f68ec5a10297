"""Two whole programs on loopback, with providers of their own each: the main site, and the second one that watches it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.mail_sink import MailSink
from tests.peers.sms_provider import SmsProvider
from tests.peers.twiml_peer import Number, TwimlPeer
from tests.system.night import AL, AL_PHONE, BO, BO_PHONE
from tests.system.stack import READY_WITHIN_S, ROOT, Stack, free_port, stack, until

SILENT_AFTER_S = 4
CUSTOMER, CUSTOMER_PHONE = "noor@customer.example", "+447700900301"
PAGERS = {"main": "+447700900999", "second": "+447700900888"}


@dataclass
class Sites:
    """Both programs, and what each one's own providers received. `staged`: see `tests.system.stage`."""

    main: Stack
    second: Stack
    mails: dict[str, MailSink]
    sms: dict[str, SmsProvider]
    staged: dict[str, Any]
    texts: int
    """The route of the second site's own texts."""

    def texts_to(self, site: str, phone: str, words: str) -> list[str]:
        """Texts about `words` that `phone` got by the providers of `site`."""
        found = self.sms[site].messages.all(lambda text: text.to == phone and words in text.body)
        return [text.body for text in found]

    def mails_to(self, site: str, address: str, words: str) -> list[bytes]:
        """Likewise mails."""
        found = self.mails[site].mails.all(lambda mail: address in mail.recipients and words.encode() in mail.raw)
        return [mail.raw for mail in found]

    def state(self) -> str:
        """How the second site stands to the main one."""
        rows = self.second.rows("SELECT state FROM standby_watchrow")
        return str(rows[0][0]) if rows else ""

    def page(self, site: Stack, words: str) -> tuple[Any, ...] | None:
        """(state, owner, rung, rings, code) of the page about `words` there."""
        rows = site.rows(
            "SELECT state, owner_id, rung, rings, code FROM paging_page WHERE title LIKE %s ORDER BY started_at DESC",
            f"%{words}%",
        )
        return rows[0] if rows else None

    def follows(self) -> bool:
        """Whether the second site has a snapshot, and every page of it that is open."""
        rows = self.second.rows("SELECT state FROM standby_watchrow WHERE snapshot_at IS NOT NULL")
        return bool(rows) and rows[0][0] == "following"


def kill_whole(site: Stack) -> None:
    """Everything of it ends at once, as when the machine loses its power."""
    assert site.process is not None
    doomed = [site.process.pid]
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    for pid in doomed:
        doomed += parents.get(pid, [])
    doomed.append(site.pid_of("postgres"))
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    site.process.wait(10)
    until(lambda: not _answers(site), 10, "nobody answers for it")


def _answers(site: Stack) -> bool:
    with contextlib.suppress(Exception):
        site.get("/healthz")
        return True
    return False


ROUTES = """
import json, os, sys, django
django.setup()
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels import actions
doing = {"by": SCHEDULER, "via": Door.CLI, "at": clock.now()}
given = json.load(sys.stdin)
actions.save_route(channel="email", driver="email", name="second mail", config=given["smtp"], **doing)
print(actions.save_route(channel="sms", driver="twilio", name="second texts", config=given["sms"], position=1, **doing).id)
"""


LINE_ROUTE = """
import json, sys, django
django.setup()
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.channels.actions import save_route
given = json.load(sys.stdin)
print(save_route(channel="voice", driver="twilio_voice", name="line", by=SCHEDULER, via=Door.CLI, at=clock.now(), **given).id)
"""
LINE = """
import json, sys, django
django.setup()
from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.calls.line_actions import LineWanted, save_line
wanted = LineWanted(**json.load(sys.stdin))
save_line(brand_id=Brand.objects.get().pk, wanted=wanted, by=SCHEDULER, via=Door.CLI, at=clock.now())
"""


def open_line(sites: "Sites", voice: TwimlPeer, number: str) -> None:
    """The main site has a phone line; its cloud provider asks the second site where the main one does not answer."""
    shown = {"numbers": [number], "shown_number": number, "pager_number": "+442079460001"}
    _run(sites.main, LINE, {"name": "Main", "night_seats": ["night"], "consent": "told", **shown})
    config = {"account_sid": voice.account_sid, "from": number, "base_url": voice.url}
    route = _run(sites.second, LINE_ROUTE, {"config": config, "secrets": {"auth_token": voice.auth_token}})
    door = f"{sites.second.url}/providers/twilio/{route}/line"
    gone = f"http://127.0.0.1:{free_port()}/line"
    voice.numbers = {number: Number(gone, f"{door}/status", fallback_url=door)}


OUTAGE = """
import json, sys, django
django.setup()
from nightdesk.access.models import User
from nightdesk.base import clock
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.outages import actions
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Part
from nightdesk.people.queries import actor_of_user
given = json.load(sys.stdin)
by = actor_of_user(User.objects.get(email=given["email"]))
doing = lambda who=by: {"by": who, "via": Door.WEB, "at": clock.now()}  # each verb at its own instant, as by hand
part = Part.objects.get(key="dock-sw2")
outage = actions.propose_outage(
    brand_id=part.brand_id, title=given["title"], parts={part.pk: int(Effect.DOWN)}, severity="minor", **doing()
)
actions.confirm_outage(outage_id=outage.pk, **doing())
actions.edit_outage(outage_id=outage.pk, fields={"public": True, "public_title": given["title"]}, **doing())
update = actions.write_update(
    outage_id=outage.pk, state="identified", texts={outage.brand.language: given["text"]}, **doing()
)
if update.published_at is None:
    actions.approve_update(update_id=update.pk, **doing(SCHEDULER))
print(outage.pk)
"""


def tell_customers(site: Stack, email: str, title: str, text: str) -> str:
    """An outage of the switch is confirmed and told at `site`, by whoever logs in with `email`; its id."""
    return _run(site, OUTAGE, {"email": email, "title": title, "text": text})


def _own_routes(second: Stack, mails: MailSink, sms: SmsProvider, host: str) -> int:
    """The second site's own providers; the id of the one for texts."""
    wanted = {
        "smtp": {"host": host, "port": mails.port, "security": "none"},
        "sms": _sms(sms, "second", host),
    }
    return int(_run(second, ROUTES, wanted))


def _run(site: Stack, program: str, wanted: dict[str, Any]) -> str:
    return _python(site, ["-c", program], wanted)


def _python(site: Stack, words: list[str], wanted: dict[str, Any]) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        env=site.environment
        | {"NIGHTDESK_DATABASE_URL": site.database_url(), "DJANGO_SETTINGS_MODULE": "nightdesk.settings"},
        cwd=ROOT,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=READY_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _sms(sms: SmsProvider, site: str, host: str) -> dict[str, str]:
    return {
        "base_url": sms.url.replace("127.0.0.1", host),
        "account_sid": "AC" + "1" * 32,
        "auth_token": "secret",
        "from": PAGERS[site],
    }


@contextlib.contextmanager
def two_sites(
    *,
    sites: Mapping[str, Callable[..., AbstractContextManager[Stack]]] | None = None,
    main_url: str = "",
    hosts: Mapping[str, str] | None = None,
    **environment: str,
) -> Iterator[Sites]:
    """`sites`: what starts each, where not on this network; there it reaches its providers at `hosts`, and the second one the
    main one at `main_url`.

    Bo holds the seat, Al is the next step, ten minutes later; the second site follows and has a snapshot."""
    with contextlib.ExitStack() as held:
        mails = {site: held.enter_context(MailSink()) for site in PAGERS}
        sms = {
            site: held.enter_context(
                SmsProvider(account_sid="AC" + "1" * 32, auth_token="secret", numbers=(PAGERS[site],))
            )
            for site in PAGERS
        }
        started, at = sites or dict.fromkeys(PAGERS, stack), hosts or dict.fromkeys(PAGERS, "127.0.0.1")
        main = held.enter_context(started["main"](**environment))
        staged = main.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE},
                {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
            ],
            smtp={"host": at["main"], "port": mails["main"].port},
            sms=_sms(sms["main"], "main", at["main"]),
            step_s=600,
            formats=["generic", "pagerduty_v2"],
        )
        _python(main, ["-m", "tests.system.outage_stage"], {"customers": [[("Noor", CUSTOMER, CUSTOMER_PHONE)]]})
        key = main.cli("standby", "pair", "Leeds").splitlines()[-1]
        main.rows("UPDATE standby_secondsite SET silent_after_s = %s RETURNING id", SILENT_AFTER_S)
        second = held.enter_context(
            started["second"](
                NIGHTDESK_ROLE="standby",
                NIGHTDESK_STANDBY_OF=main_url or main.url,
                NIGHTDESK_STANDBY_KEY=key,
                NIGHTDESK_STANDBY_EVERY="1",
                **environment,
            )
        )
        texts = _own_routes(second, mails["second"], sms["second"], at["second"])
        sms["main"].incoming_url = f"{main.url}/providers/twilio/{staged['texts']}/sms"
        sms["second"].incoming_url = f"{second.url}/providers/twilio/{texts}/sms"
        both = Sites(main, second, mails, sms, staged, texts)
        until(both.follows, 20, "the second site follows")
        yield both
