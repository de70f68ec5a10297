"""What a way to reach a person is: a form to fill in, and a line that takes messages.

A driver knows one provider's language and nothing of pages, tables or routes. It says `Sent`, or raises `Temporary` or
`Permanent`; anything else that it raises is a fault of ours and counts as temporary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from django.utils.functional import Promise as LazyText

from nightdesk.base.actors import Door
from nightdesk.channels.mail_form import NOTICE, MailForm

Settings: TypeAlias = Mapping[str, Any]
"""What a route was set up with, secrets opened: the values of the driver's fields, defaults filled in."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a route of the driver needs to know; the form is made of these. `check` says what is wrong with a text,
    "" for nothing; it repeats nothing of a secret.
    """

    name: str
    label: str | LazyText
    secret: bool = False
    required: bool = False
    help: str | LazyText = ""
    kind: Literal["text", "long", "integer", "price", "pattern", "flag", "choice"] = "text"
    default: str | int | bool | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says, the same for all its recipients. `verbs` are those that may be answered ("acknowledge"). `mail`
    is for mail alone.
    """

    message_id: UUID
    at: datetime
    kind: str
    subject_kind: str
    subject_id: str
    title: str
    body: str
    code: str = ""
    verbs: tuple[str, ...] = ()
    mail: MailForm = NOTICE


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an address stands for: a push service's address for one browser, and that browser's keys in base64url (RFC 8291); or
    the address of a customer's program, and the `secret` that signs what it gets.
    """

    url: str
    p256dh: str = ""
    auth: str = ""
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way to one address. A repeat has the same `delivery_id` and another `attempt`.

    `link` is the signed address of the page where it can be answered, "" where there is nothing to answer. `sent_at` is
    now; `route_id` and `attempt` let a receipt say what it is about. `endpoint`: of some, what the address
    stands for, None where it stands for nothing any more. `reply_to` and `bounce_to` are addresses of ours where an answer
    by mail, and a mail server's report, find this delivery; "" where no mail is read. `values` stand in the places of
    what is said already, but for a driver that puts them in itself (`Driver.puts_in`).
    """

    said: Said
    delivery_id: UUID
    month: date
    attempt: int
    route_id: int
    address: str
    link: str
    sent_at: datetime
    valid_until: datetime | None
    endpoint: Endpoint | None = None
    reply_to: str = ""
    bounce_to: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has it. `delivered` only where its answer is the receipt as well.

    Without `receipt_expected` none will come of this message, although the driver's others have one, and none is waited
    for. `parts` are what is paid for, 0 where nothing is paid by the part. `part_ids`: the provider's names of all parts,
    where each has a receipt of its own; `provider_id` is then the first of them.
    """

    provider_id: str
    state: Literal["accepted", "delivered"] = "accepted"
    reason: str = ""
    receipt_expected: bool = True
    parts: int = 0
    part_ids: tuple[str, ...] = ()


class Temporary(Exception):
    """Not now, but perhaps later or by another route.

    `retry_after` seconds were asked for. `of_route` is False where the route itself is well: it asked us to slow down, or
    one mailbox is full. `slow`: it takes fewer messages in a second than we send; our pace learns from it.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, of_route: bool = True, slow: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason, self.retry_after, self.of_route, self.slow = reason, retry_after, of_route, slow


class Permanent(Exception):
    """This route will never take it. `unreachable`: nor will any other, the address itself is dead or does not want us."""

    def __init__(self, reason: str, *, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.unreachable = reason, unreachable


class Line(Protocol):
    """An open way to one provider; lives in one event loop, and keeps its connections until it is closed."""

    async def send(self, outgoing: Outgoing) -> Sent:
        """Hand the message over. Raises Temporary or Permanent. May be cancelled at the driver's time-out."""
        ...

    async def close(self) -> None:
        """Give up what is kept open."""
        ...


class RingingLine(Line, Protocol):
    """A line whose messages ring for a while, and can be stopped."""

    async def hang_up(self, call_id: str) -> bool:
        """Stop it; whoever has picked up already is left alone. False where it did not ring. Raises as `send` does."""
        ...


@dataclass(frozen=True, slots=True)
class Driver:
    """One file of `drivers/`. `name` is what `Route.driver` holds.

    `timeout_s` bounds one `Line.send`. `patience_s`: something urgent waits no longer for an answer where another route is
    there to take it (three times the usual wait, where that is more). `receipt_within`: without a receipt by then the next
    route gets the message; None where none is to be expected. `answers_back`: a reply reaches us by itself. `listens`: its
    line is a `ListeningLine`, opened with the route and not with the first message. `door`: the way in of what it hears. `check`
    says what is wrong with settings that are each well for themselves, "" where nothing is. `sender`: the field
    that holds the number from which people are rung or texted.
    `can_hang_up`: its line is a `RingingLine`. `puts_in`: it puts the values of each recipient in the message's places itself.
    """

    name: str
    channel: str
    label: str | LazyText
    connect: Callable[[Settings], Line]
    fields: tuple[Field, ...] = ()
    loud: bool = False
    timeout_s: float = 10.0
    patience_s: float = 1.0
    receipt_within: timedelta | None = None
    answers_back: bool = False
    listens: bool = False
    can_hang_up: bool = False
    puts_in: bool = False
    door: Door = Door.SMS
    sender: str = ""
    at_once: int = 20
    """Messages in flight at the same time, where the route says nothing else."""
    check: Callable[[Settings], str] | None = None
    """What is wrong with these settings beyond what the fields say, in a sentence; "" for nothing."""


@dataclass(frozen=True, slots=True)
class Redial:
    """The same route tries again `after` so long, `times` times; only then is the next one tried."""

    after: timedelta
    times: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says later about a message that it took. `state` "failed" carries a reason.

    `permanent`: this provider will not try again whatever we do; `unreachable`: nobody can reach that address.
    `spellings`: other ways to write `provider_id`, which count where one of `address_digits` is that of the delivery.
    `part_ids`: those of all its parts, where the line remembers them.
    `redial`: nobody was there, which is no fault of the route. `more_time` (accepted): something goes on there, so a
    receipt counts as missing only so much later.
    """

    provider_id: str
    state: Literal["accepted", "delivered", "read", "failed", "expired"]
    reason: str = ""
    permanent: bool = False
    unreachable: bool = False
    spellings: tuple[str, ...] = ()
    address_digits: tuple[str, ...] = ()
    part_ids: tuple[str, ...] = ()
    redial: Redial | None = None
    more_time: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a longer text: `number` from 1 of `total`. Pieces of the same `key` within an hour belong together."""

    key: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed while a telephone read a message out. `id` is the same when it is told twice.

    `call_id` is the provider's own id of the message. `verb` is what the key stands for, "" for no key of ours.
    """

    id: str
    call_id: str
    digits: str
    verb: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody sent to us by the same channel. `id` is the provider's own, the same when it is told twice.

    `to_message`: the provider's id of the message of ours that it answers, where the provider says so; `sender` may then
    be left empty.
    `part`: where the body is only a piece, which waits for the others.
    """

    id: str
    sender: str
    to: str
    body: str
    extra: Mapping[str, str] = field(default_factory=dict)
    to_message: str = ""
    part: Part | None = None


# What a line hears


@dataclass(frozen=True, slots=True)
class Heard:
    """What a provider told us, as it came; `read` is asked for its meaning once `raw` is kept.

    `read` may raise Invalid, or anything. `about`: the delivery (id, month, attempt) meant, where the provider repeats
    what we gave it; else a receipt is found by the provider's own id. `is_receipt`: it can be nothing else, so that many
    may be taken together, and what a person says need not wait for them.
    """

    raw: bytes
    read: Callable[[], Receipt | Reply | Key]
    headers: Mapping[str, str] = field(default_factory=dict)
    about: tuple[UUID, date, int] | None = None
    is_receipt: bool = False


class Ear(Protocol):
    """Who listens at the other end of a `ListeningLine`."""

    async def hear(self, heard: Heard) -> str:
        """Keep it and act on it. Comes back after the commit, and only then may the provider be told that we have it;
        while the database is away it waits. Returns what came of it, for the log. Raises whatever kept it from being
        kept at all: then the provider is told to say it again, or nothing.
        """
        ...

    async def unanswered(self) -> Sequence[str]:
        """The provider's own ids of this route's messages that are still worth an answer, the oldest first."""
        ...


class ListeningLine(Line, Protocol):
    """A line that is told things too: it keeps its connection, and opens it again by itself when it broke."""

    async def listen(self, ear: Ear) -> None:
        """Hand on whatever comes in, until cancelled. Where it ends or raises it is begun anew after a pause."""
        ...
