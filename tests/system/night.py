"""A night at a small provider, all of it real: the program, a mail server, an SMS provider, two people with telephones."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.peers.mail_sink import Mail, MailSink
from tests.peers.sms_provider import Message, SmsProvider
from tests.system.stack import Stack, stack

BO, AL = "bo@quayside.example", "al@quayside.example"
BO_PHONE, AL_PHONE = "+447700900101", "+447700900102"
PAGER = "+447700900999"
STEP_S = 60
"""Seconds until the second person is rung."""


@dataclass
class Night:
    """`staged` is what the stage made: keys of integrations by format, ids of people, passwords."""

    stack: Stack
    mails: MailSink
    sms: SmsProvider
    staged: dict[str, Any]

    def mails_to(self, address: str, words: str) -> list[Mail]:
        """Mails that `address` got about `words`."""
        return self.mails.mails.all(lambda mail: address in mail.recipients and words.encode() in mail.raw)

    def texts_to(self, phone: str, words: str) -> list[Message]:
        """Texts that `phone` got about `words`."""
        return self.sms.messages.all(lambda text: text.to == phone and words in text.body)

    def link_in(self, mail: Mail) -> str:
        """The address of the answer page in a mail."""
        body = mail.message.get_body(("plain",))
        assert body is not None
        found = re.search(r"http\S+/a/\S+", body.get_content())
        assert found, body.get_content()
        return found.group()

    def jump(self, by: timedelta) -> None:
        """Put the clock of the whole installation on; every process follows within a beat."""
        self.stack.jump(by)


@contextlib.contextmanager
def night(
    *,
    on_disk: bool = False,
    storm_limit: int = 5,
    text_after_s: int = 0,
    step_s: int = STEP_S,
    routes: Sequence[dict[str, Any]] = (),
    ways: Sequence[tuple[str, str]] = (),
    push_here: bool = False,
    sites: Sequence[dict[str, Any]] = (),
    mail: Mapping[str, Any] | None = None,
    **environment: str,
) -> Iterator[Night]:
    """A staged night: Bo holds the seat, Al is the second step of the policy, `step_s` later.

    `text_after_s`: by their own rules, a page's mail goes at once and its text so many seconds later. `routes` are further
    providers (see `tests.system.stage`), `ways` further ways (channel, address) to reach Bo, `sites` where one may go, `mail`
    more settings of the mail server.
    """
    with (
        MailSink() as mails,
        SmsProvider(account_sid="AC" + "1" * 32, auth_token="secret", numbers=(PAGER,)) as sms,
        stack(on_disk=on_disk, **environment) as running,
    ):
        staged = running.stage(
            people=[
                {"name": "Bo Lindqvist", "email": BO, "phone": BO_PHONE, "ways": list(ways)},
                {"name": "Al Moreau", "email": AL, "phone": AL_PHONE},
            ],
            smtp={"host": mails.host, "port": mails.port} | dict(mail or {}),
            sms={"base_url": sms.url, "account_sid": "AC" + "1" * 32, "auth_token": "secret", "from": PAGER},
            step_s=step_s,
            storm_limit=storm_limit,
            text_after_s=text_after_s,
            push_here=push_here,
            formats=["alertmanager", "pagerduty_v2", "generic"],
            routes=list(routes),
            sites=list(sites),
        )
        sms.incoming_url = f"{running.url}/providers/twilio/{staged['texts']}/sms"
        yield Night(running, mails, sms, staged)
