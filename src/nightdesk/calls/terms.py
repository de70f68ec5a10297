"""The words in which the phone line's flow is told: facts, events, orders beside the exchange's, and a call's state. Pure.

`flow` re-exports them: whoever runs a call needs that module alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from nightdesk.lines import exchange

# --- Facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A line as it is set, in its brand's words; see `models.Line`.

    `open_now`: it is within its hours. `staff`: the number that was rung is the one of staff.
    """

    line_id: int
    brand: str
    language: str
    open_now: bool
    shown_number: str
    pager_number: str
    staff: bool = False
    greeting: str = ""
    danger: str = ""
    menu: Sequence[Mapping[str, str]] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    night: Literal["message", "live"] = "message"
    joins_s: Sequence[int] = (4, 8)
    ring_s: int = 25
    most_rung: int = 3
    longest_hunt_s: int = 120
    bureau_number: str = ""
    desk_waits: bool = False
    consent: Literal["told", "may_decline", "asked"] = "may_decline"
    call_back_s: int = 1800
    call_out_price: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who could be rung, in the order in which they are.

    `to`: a telephone's name or an E.164 number (`outside`: whoever answers must press 1). `awake`: they are at work now, on an
    awake night seat or in hours. `fixing`: they lead or fix an open outage, and nobody who asks how it goes rings them.
    `reachable`: whether the telephone is registered; an outside one is. `busy`: they talk in another call of ours, or are
    rung for one. `rank` says as what they are rung.
    """

    person_id: int
    name: str
    to: str
    outside: bool
    reachable: bool = True
    awake: bool = False
    fixing: bool = False
    busy: bool = False
    rank: Literal["queue", "holder", "backup", "signed_in", "network"] = "queue"


@dataclass(frozen=True, slots=True)
class KnownOutage:
    """An open outage that touches what the caller buys. `words` are theirs, as their status page says them now.

    `said_at`: when the last update was published; `next_at`: when the next one is promised; `late`: that has passed.
    """

    outage_id: str
    words: str
    said_at: datetime
    next_at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """What this number left before and nobody has closed. `says` is where it stands, in words."""

    message_id: str
    taken_at: datetime
    call_back_by: datetime | None
    says: str


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """Who rings, and what they are promised at this instant (customers.promised).

    `known_by`: their number, a PIN, or nothing. `covered`: somebody takes it now; `may_wake`: an engineer may be woken for
    them; `live`: the contract buys that out of hours. `may_call`: False for a contact for whom their company has nobody woken,
    nor called out. `answer_from` is when it is looked at otherwise. `workarounds` are those of what they buy. `priority` is
    that of their contract for a call ("P2").
    """

    kind: Literal["unknown", "customer", "peer", "staff"] = "unknown"
    name: str = ""
    known_by: Literal["", "number", "pin"] = ""
    customer_id: int | None = None
    contact_id: int | None = None
    peer_id: int | None = None
    person_id: int | None = None
    language: str = ""
    covered: bool = False
    may_wake: bool = False
    live: bool = False
    may_call: bool = True
    answer_from: datetime | None = None
    hours_in_words: str = ""
    workarounds: Sequence[str] = ()
    outages: Sequence[KnownOutage] = ()
    waiting: WaitingMessage | None = None


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page that is read out to one of ours who rings in: `says` in words, `taken_by` "" where nobody has it yet."""

    page_id: str
    says: str
    taken_by: str = ""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who has a seat: until when (None: not known), and who comes next ("" for nobody)."""

    seat: str
    name: str
    until: datetime | None = None
    then: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a step may know, as it is at `at`. `zone`: in which times of day are said."""

    at: datetime
    zone: str
    line: LineFacts
    caller: CallerFacts
    candidates: Sequence[Candidate] = ()
    ahead: int = 0
    """How many callers of this line wait before this one."""
    free_message_takers: int = 0
    """People at our own bureau desk who could take a call now."""
    pages: Sequence[OpenPage] = ()
    """What is open and theirs to take, the most pressing first: for one of ours who rings in with a PIN."""
    may_note: bool = False
    """They may leave a note for the journal: one of ours who rings in with a PIN."""
    on_duty: Sequence[OnDuty] = ()
    """Who is on, seat by seat: for one of ours as well."""
    listeners: Sequence[Candidate] = ()
    """Newcomers who are brought into the calls of those above, to listen."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Name of a text of `wording.TEXTS` -> it in the caller's language; one that is missing is said in English."""
    sign: str = ""
    """The recording (a digest) by which our own check of the divert knows the line again; "" for every other caller."""


# --- What is ordered beside the orders to a line driver --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timer:
    """Report `Due(name)` in so many seconds; one of the same name is set anew."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Forget:
    """The timer is no longer wanted."""

    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """Find out again who this is, with the PIN that was keyed ("" none), and who may be rung, of `skill` ("" any).

    `Known` follows, with fresh facts.
    """

    pin: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """Something that the company must know, done by a verb of this room in the same transaction as the state.

    `answered` (by, person_id), `heard_outage` (outage_ids), `texts_wanted`, `message` (recording's file, seconds), `missed`,
    `again` (message_id), `cancel_message` (message_id), `declined_recording`, `call_out` (said, price), `woken` (person_id),
    `chase_update` (outage_id), `rung_off`, `ended` (as), `to_desk` (a message taker is wanted), `reached` (message_id,
    person_id), `outcome` (message_id, outcome), `acknowledge` (page_id), `journal_note` (recording's file, seconds), `told`
    (text shown to whoever is rung).
    """

    what: str
    about: Mapping[str, Any] = field(default_factory=dict)


Order: TypeAlias = exchange.Order | Timer | Forget | Look | Write


# --- Events that are not of the exchange -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallBack:
    """Begins a call in which one of ours calls back: `engineer` is rung first, then `number` as the leg `out`."""

    message_id: str
    number: str
    engineer: Candidate
    name: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A timer's time has come."""

    name: str


@dataclass(frozen=True, slots=True)
class Known:
    """The facts were looked up again. `tries_left`: of the PIN; `believed`: it was right."""

    believed: bool
    tries_left: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody of ours wants something with the call: add a colleague, let a newcomer listen, go, pause what is recorded.

    `what`: "add", "listen", "transfer" and "desk_takes" (about: person_id, name, to, outside; a transfer also
    `by_person_id`, who goes then), "take_parked" (as "add"), "leave" (person_id), "hold", "off_hold", "park",
    "pause_recording", "go_on_recording", "hang_up".
    """

    what: str
    about: Mapping[str, Any] = field(default_factory=dict)


Event: TypeAlias = exchange.Event | CallBack | Due | Known | Asked


# --- The state -------------------------------------------------------------------------------------------------------

Stage: TypeAlias = Literal[
    "new", "greeting", "pin", "status", "menu", "not_covered", "waiting", "hunt", "talk", "bureau", "message", "review",
    "callback", "read_out", "note", "ending", "over",
]  # fmt: skip
ENDINGS = (
    "answered",
    "message",
    "missed",
    "heard_outage",
    "cancelled",
    "abandoned",
    "not_covered",
    "refused",
    "failed",
    "read_out",
    "checked",
)
"""How a call can have ended."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a call is. `memory` is what was keyed, said and tried; `timers` when each falls due. JSON by `stored`.

    `legs`: "up" (the caller's), "ordered", "ringing", "asked" (picked up outside, must press a key), "up", "leaving".
    `memory["who"]` has of each leg that was rung: person_id, name, to, outside, awake, rank, and `as` what: "engineer",
    "listener", "bureau", "desk", "customer". `memory["customer"]` names the leg of whom we talk with.
    """

    stage: Stage = "new"
    legs: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    timers: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def held(self) -> Literal["", "hold", "parked"]:
        """Whether the caller hears music instead of whom they talk with; parked: nobody of ours has them."""
        if self.stage != "talk" or not self.memory.get("on_hold"):
            return ""
        return "hold" if self.talkers else "parked"

    @property
    def talkers(self) -> Sequence[int]:
        """Who of ours has joined and speaks: persons' ids, 0 for an outside bureau."""
        who = self.memory.get("who", {})
        speak = ("engineer", "desk", "bureau")
        up = (who.get(leg, {}) for leg, state in self.legs.items() if state == "up")
        return [int(one.get("person_id") or 0) for one in up if one.get("as") in speak]


@dataclass(frozen=True, slots=True)
class Step:
    """What comes of an event: the new state, what to do in this order, and why, one sentence each."""

    state: State
    orders: Sequence[Order] = ()
    why: Sequence[str] = ()
