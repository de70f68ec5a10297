"""What each leg of a call is told, as it stands: orders and web hooks in, the legs as they are then and events out. Pure.

Each leg is a call of its own at the provider, and carries out one document of steps at a time. Whatever it is told has a
number (`turn`), which stands in the addresses that the provider asks afterwards: an answer to an older document is late, or
comes twice, and changes nothing; it gets the steps of now. So no order has to reach the provider twice, or in time: what
differs between a leg as it should be and what the provider was told last is `to_do`, whoever looks, whenever.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from nightdesk.lines import exchange
from nightdesk.lines.exchange import CALLER, Words
from nightdesk.lines.leg import (
    ENDED,
    Event,
    Gather,
    HangUp,
    Meet,
    Pause,
    Play,
    Record,
    Redirect,
    Reject,
    Say,
    State,
    Step,
    voice_language,
)

Doing: TypeAlias = Literal["ring", "wait", "hold", "say", "record", "meet", "fall_back", "end"]
By: TypeAlias = Literal["key", "silence", "longest", "gone", "ordered"]
Ended: TypeAlias = By | Literal["", "paused"]
Taken: TypeAlias = Literal["runs", "told", "kept", "lost", "dropped", "done"]
Todo: TypeAlias = Literal["place", "push", "announce", "end", "end_strays", "fetch", "forget"]
Ask: TypeAlias = Callable[[str, int], str]
"""(what is asked, turn) -> our address for it."""

KEYS = frozenset("0123456789*#")
_ORDER: Mapping[State, int] = {"queued": 0, "dialling": 1, "ringing": 2, "answered": 3}
LISTENS_S = 20
"""Seconds of nothing said after which a leg that waits asks again what there is to do."""
BETWEEN_KEYS_S = 2
FALLEN = "fallen"
"""The name of what a caller leaves whom Nightdesk itself could not take."""
SORRY = Words("We cannot take your call in person just now. Please leave your name and number after the tone.")
SOUNDS_RINGING, SOUNDS_HOLD = "ringing", "hold"
_UNANSWERED_S = 10
_SETTLED = frozenset({"kept", "done", "dropped"})
"""States of a piece that the provider need keep no longer. What is lost may still be found there by a person."""


@dataclass(frozen=True, slots=True)
class Take:
    """One piece of a recording of the name. It was ordered with the `turn`; the provider has it under `sid`, "" not known.

    `ended`: by what, "" while it runs; one that was "paused" goes on in the next. `file`: the digest under which it is kept.
    """

    name: str
    turn: int
    ended: Ended = ""
    state: Taken = "runs"
    sid: str = ""
    seconds: float = 0.0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg. `sid` is its call at the provider, "" until that is known; `to` "" for the one that rang us.

    `asked`: the provider has asked for steps; `told` is the turn of those that it got last, -1 none. `name`, `words`, `stop`
    and `digits` are those of what it is doing. `announced`: (name, words) that it is to hear over the talk of the room, and
    whether the provider knows (`announcing`). `strays`: calls that ring for it beside the one that counts. `left`: why it
    ended, while what was recorded of it is still to be told.
    """

    leg: str
    state: State = "queued"
    sid: str = ""
    to: str = ""
    show: str = ""
    ring_s: int = 25
    asked: bool = False
    turn: int = 0
    told: int = -1
    doing: Doing = "ring"
    name: str = ""
    words: tuple[Words, ...] = ()
    stop: str = ""
    digits: int = 1
    ringing: bool = True
    muted: bool = False
    busy: bool = False
    tone: bool = True
    longest_s: int = 180
    silence_s: int = 5
    announced: tuple[str, tuple[Words, ...]] = ("", ())
    announcing: bool = False
    takes: tuple[Take, ...] = ()
    strays: tuple[str, ...] = ()
    left: tuple[exchange.Why, str] | tuple[()] = ()

    @property
    def lives(self) -> bool:
        return self.state not in ENDED

    def as_json(self) -> dict[str, Any]:
        """`from_json` makes the same of it."""
        kept: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        kept["words"] = [[one.text, one.language, one.recording] for one in self.words]
        kept["announced"] = [self.announced[0], [[one.text, one.language, one.recording] for one in self.announced[1]]]
        kept["takes"] = [[getattr(take, name) for name in Take.__slots__] for take in self.takes]
        kept["strays"], kept["left"] = list(self.strays), list(self.left)
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Leg":
        known = {name: value for name, value in kept.items() if name in cls.__slots__}
        known["words"] = tuple(Words(*one) for one in kept.get("words", ()))
        name, words = kept.get("announced") or ("", ())
        known["announced"] = (name, tuple(Words(*one) for one in words))
        known["takes"] = tuple(Take(*one) for one in kept.get("takes", ()))
        known["strays"], known["left"] = tuple(kept.get("strays", ())), tuple(kept.get("left", ()))
        return cls(**known)


Legs: TypeAlias = Mapping[str, Leg]


# --- Orders ----------------------------------------------------------------------------------------------------------


def ordered(
    legs: Legs, orders: Sequence[exchange.Order], domain: str = "", sorry: Words = SORRY
) -> tuple[dict[str, Leg], list[exchange.Event]]:
    """The legs as they are to be then, and what can be said of it at once.

    `domain`: where telephones that register with the provider are, "" where none do; `sorry` is said to a caller whom nobody
    but the recorder takes. An order about a leg that is not there,
    or has ended, does nothing; nor does one that was given before.
    """
    now, events = dict(legs), list[exchange.Event]()
    for order in orders:
        if isinstance(order, exchange.Join):
            now = _joined(now, order)
        elif isinstance(order, exchange.Ring):
            if order.leg not in now:
                now[order.leg], said = _rung(order, domain)
                events += said
        elif isinstance(order, exchange.FallBack):
            if order.leg in now and now[order.leg].lives:
                now[order.leg] = _fallen(now[order.leg], sorry)
        elif order.leg in now and now[order.leg].lives:
            now[order.leg], said = _told(now[order.leg], order, alone=_alone(now, order.leg))
            events += said
    return now, events


def _rung(order: exchange.Ring, domain: str) -> tuple[Leg, list[exchange.Event]]:
    to = order.to if order.to.startswith("+") else f"sip:{order.to}@{domain}" if domain else ""
    leg = Leg(order.leg, to=to or order.to, show=order.show, ring_s=order.ring_s)
    if to:
        return leg, []
    why = "No telephone registers with this provider."
    return replace(leg, state="failed", doing="end"), [exchange.Gone(order.leg, "unreachable", why)]


def _alone(legs: Legs, name: str) -> bool:
    """Whether nobody else is in the room: then there is no talk over which it could hear something, and keys are wanted."""
    return not any(leg.lives and leg.doing == "meet" for other, leg in legs.items() if other != name)


def _told(leg: Leg, order: exchange.Order, *, alone: bool) -> tuple[Leg, list[exchange.Event]]:
    if leg.doing == "end":
        return leg, []
    match order:
        case exchange.Answer():
            return (_turned(leg, doing="hold", ringing=True) if leg.doing == "ring" else leg), []
        case exchange.Say(_leg, name, words, stop, digits):
            if leg.doing == "meet" and not alone:
                return replace(leg, announced=(name, tuple(words)), announcing=False), []
            said = {"words": tuple(words), "stop": stop, "digits": digits}
            return _turned(_cut(leg), doing="say", name=name, **said), []
        case exchange.Hold(_leg, ringing):
            if (leg.doing, leg.ringing) == ("hold", ringing):
                return leg, []
            return _turned(_cut(leg), doing="hold", ringing=ringing, digits=1), []
        case exchange.Record(_leg, name, longest_s, silence_s):
            if any(take.name == name for take in leg.takes):
                return leg, []
            how = {"longest_s": longest_s, "silence_s": silence_s, "tone": True}
            return _taking(_turned(_cut(leg), doing="record", name=name, **how)), []
        case exchange.StopRecording(_leg, name, keep):
            return _stopped(leg, name, keep)
        case exchange.PauseRecording(_leg, name, go_on):
            return _paused(leg, name, go_on), []
        case exchange.HangUp(_leg, busy):
            ended = _turned(_cut(leg), doing="end", busy=busy)
            if leg.sid or not leg.to:
                return ended, []
            # Nobody else tells of one that is not placed yet; should it be under way to the provider, it is a stray.
            return replace(ended, state="cancelled"), [exchange.Gone(leg.leg, "ordered")]
    return leg, []


def _fallen(leg: Leg, sorry: Words) -> Leg:
    """Whoever rang us leaves a message; a leg that we placed for them ends."""
    if leg.doing in ("end", "fall_back"):
        return leg
    if leg.to:
        return _turned(_cut(leg), doing="end")
    how: dict[str, Any] = {"longest_s": 180, "silence_s": 5, "tone": True}
    return _taking(_turned(_cut(leg), doing="fall_back", name=FALLEN, words=(sorry,), **how))


def _turned(leg: Leg, **changes: Any) -> Leg:
    return replace(leg, turn=leg.turn + 1, **changes)


def _cut(leg: Leg) -> Leg:
    """Whatever is being recorded ends: it is told to do something else."""
    takes = tuple(replace(take, ended="ordered") if take.ended in ("", "paused") else take for take in leg.takes)
    return replace(leg, takes=takes)


def _taking(leg: Leg) -> Leg:
    return replace(leg, takes=(*leg.takes, Take(leg.name, leg.turn)))


def _stopped(leg: Leg, name: str, keep: bool) -> tuple[Leg, list[exchange.Event]]:
    mine = [take for take in leg.takes if take.name == name]
    if not any(take.ended in ("", "paused") for take in mine) and keep:
        return leg, []
    if not keep:
        dropped = {id(take) for take in mine if take.state not in ("done", "dropped")}
        if not dropped:
            return leg, []
        takes = [replace(one, state="dropped", ended=one.ended or "ordered") if id(one) in dropped else one
                 for one in leg.takes]  # fmt: skip
        leg = replace(leg, takes=tuple(takes))
    else:
        leg = _cut(leg)
    return (_turned(leg, doing="wait", digits=1) if _is_at(leg, name) else leg), []


def _is_at(leg: Leg, name: str) -> bool:
    return leg.doing in ("record", "wait") and leg.name == name


def _paused(leg: Leg, name: str, go_on: bool) -> Leg:
    last = next((take for take in reversed(leg.takes) if take.name == name), None)
    if last is None or not _is_at(leg, name):
        return leg
    if go_on and last.ended == "paused":
        return _taking(_turned(leg, doing="record", tone=False))
    if not go_on and last.ended == "" and last.state == "runs":
        takes = tuple(replace(take, ended="paused") if take is last else take for take in leg.takes)
        return _turned(replace(leg, takes=takes), doing="wait", digits=1)
    return leg


def _joined(legs: dict[str, Leg], order: exchange.Join) -> dict[str, Leg]:
    together = {*order.legs, *order.listening}
    now = dict(legs)
    for name, leg in legs.items():
        if not leg.lives or leg.doing == "end":
            continue
        muted = name in order.listening
        if name in together and (leg.doing, leg.muted) != ("meet", muted):
            now[name] = _turned(_cut(leg), doing="meet", muted=muted, digits=1)
        elif name not in together and leg.doing == "meet":
            now[name] = _turned(leg, doing="hold", ringing=True, digits=1)
    return now


# --- Web hooks -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hook:
    """A web hook about a leg. `what`: "do" (what is there to do?), "key", "said", "left" (the room), "recorded" (the piece
    has ended), "kept" (it can be fetched, or there is none), "announced" (the words for the room are asked for), "status".

    `turn` is that of the document that it belongs to. `recording` is the provider's id of one, `seconds` its length, `digits`
    in `event` what ended it.
    """

    what: str
    turn: int
    event: Event
    recording: str = ""
    seconds: float = 0.0
    absent: bool = False


def hear(leg: Leg, hook: Hook) -> tuple[Leg, list[exchange.Event]]:
    """The leg after the hook, and what it tells. One that is late, comes twice or is another call's changes nothing."""
    leg = placed(leg, hook.event.leg_id) if hook.event.state not in ENDED or not leg.sid else leg
    if hook.event.leg_id != leg.sid:
        return leg, []
    if hook.what == "kept":
        return _kept(leg, hook), []
    if hook.what == "status":
        return _progressed(leg, hook.event)
    if not leg.lives:
        return leg, []
    if hook.what == "do":
        if leg.asked or not leg.to:
            return replace(leg, asked=True), []
        doing: Doing = "wait" if leg.doing == "ring" else leg.doing
        return replace(leg, asked=True, state="answered", doing=doing), [exchange.PickedUp(leg.leg)]
    if hook.what == "announced":
        name = leg.announced[0]
        return not_announced(leg), [exchange.Said(leg.leg, name)] if name else []
    if hook.turn != leg.turn:
        return leg, []
    return _answered(leg, hook)


def placed(leg: Leg, sid: str) -> Leg:
    """The provider has the leg under that id. A second id of the same leg, or one of a leg that is over, is a stray."""
    if not leg.sid and leg.lives:
        return replace(leg, sid=sid)
    return leg if sid in (leg.sid, *leg.strays) else replace(leg, strays=(*leg.strays, sid))


def _answered(leg: Leg, hook: Hook) -> tuple[Leg, list[exchange.Event]]:
    """An answer to the document that the leg is at."""
    digits = "".join(digit for digit in hook.event.digits if digit in KEYS)
    if hook.what == "key":
        ends = leg.doing == "say" and any(digit in leg.stop for digit in digits)
        doing: Doing = "wait" if ends else leg.doing
        return _turned(leg, doing=doing), [exchange.Key(leg.leg, digit) for digit in digits]
    if hook.what == "said" and leg.doing == "say":
        return _turned(leg, doing="wait"), [exchange.Said(leg.leg, leg.name)]
    if hook.what == "left" and leg.doing == "meet":
        return _turned(leg), [exchange.Key(leg.leg, "*")]
    if hook.what == "recorded" and leg.doing in ("record", "fall_back"):
        takes = tuple(_ended_take(take, leg, hook) if take.turn == hook.turn else take for take in leg.takes)
        then: Doing = "wait" if leg.doing == "record" else "end"
        return _turned(replace(leg, takes=takes), doing=then, digits=1), []
    return leg, []


def _ended_take(take: Take, leg: Leg, hook: Hook) -> Take:
    said = hook.event.digits
    ended: Ended = "gone" if said == "hangup" else "key" if said else "silence"
    if ended == "silence" and hook.seconds >= leg.longest_s - 1:
        ended = "longest"
    take = replace(take, ended=take.ended or ended)
    if take.state != "runs" or not hook.recording:
        return take
    return replace(take, state="told", sid=hook.recording, seconds=hook.seconds)


def _kept(leg: Leg, hook: Hook) -> Leg:
    """The piece can be fetched. It may be told before the end of the piece itself is."""
    takes = []
    for take in leg.takes:
        if take.turn == hook.turn and take.state == "runs":
            state: Taken = "lost" if hook.absent or not hook.recording else "told"
            takes.append(replace(take, state=state, sid=hook.recording, seconds=hook.seconds or take.seconds))
        elif take.turn == hook.turn and take.state == "dropped" and not take.sid:
            takes.append(replace(take, sid=hook.recording))
        else:
            takes.append(take)
    return replace(leg, takes=tuple(takes))


def _progressed(leg: Leg, event: Event) -> tuple[Leg, list[exchange.Event]]:
    if not leg.lives:
        return leg, []
    if event.state in ENDED:
        return _over(leg, event)
    if event.state == "ringing" and _ORDER[leg.state] < _ORDER["ringing"] and leg.to:
        return replace(leg, state="ringing"), [exchange.Ringing(leg.leg)]
    # That somebody picked up is heard when the provider asks for the steps.
    if event.state == "dialling" and leg.state == "queued":
        return replace(leg, state="dialling"), []
    return leg, []


def _over(leg: Leg, event: Event) -> tuple[Leg, list[exchange.Event]]:
    takes = tuple(replace(take, ended="gone") if take.ended in ("", "paused") else take for take in leg.takes)
    never_rang = _ORDER.get(leg.state, 0) < _ORDER["ringing"]
    whys: dict[str, exchange.Why] = {
        "completed": "hung_up",
        "busy": "busy",
        "no_answer": "no_answer",
        "failed": "unreachable" if never_rang or event.no_such_number else "failed",
        "cancelled": "ordered" if leg.to else "hung_up",
    }
    why: exchange.Why = "ordered" if leg.doing == "end" else whys[event.state]
    return let_go(replace(leg, state=event.state, takes=takes, left=(why, event.reason)))


def let_go(leg: Leg) -> tuple[Leg, list[exchange.Event]]:
    """That the leg has ended is told once all is told that was recorded of it."""
    if not leg.left or open_takes(leg):
        return leg, []
    why, reason = leg.left
    return replace(leg, left=()), [exchange.Gone(leg.leg, why, reason)]


# --- Recordings ------------------------------------------------------------------------------------------------------


def fetched(leg: Leg, turn: int, file: str) -> Leg:
    """The piece that was ordered with that turn is kept under the digest; "" for lost."""
    state: Taken = "kept" if file else "lost"
    takes = [replace(take, state=state, file=file) if take.turn == turn and take.state == "told" else take
             for take in leg.takes]  # fmt: skip
    return replace(leg, takes=tuple(takes))


def complete(leg: Leg) -> list[tuple[str, list[str], By]]:
    """Recordings that have ended and lie with us: name, the digests of their pieces in order, by what they ended."""
    found: list[tuple[str, list[str], By]] = []
    for name in dict.fromkeys(take.name for take in leg.takes):
        takes = [take for take in leg.takes if take.name == name]
        ended = takes[-1].ended
        if ended != "" and ended != "paused" and all(take.state in ("kept", "lost") for take in takes):
            found.append((name, [take.file for take in takes if take.file], ended))
    return found


def handed_on(leg: Leg, name: str) -> Leg:
    """The recording was reported."""
    return replace(
        leg,
        takes=tuple(
            replace(t, state="done", sid=t.sid if t.state == "kept" else "") if t.name == name else t for t in leg.takes
        ),
    )


def given_up(leg: Leg) -> Leg:
    """Nobody told for long where the pieces are that have ended: they are lost."""
    takes = [replace(t, state="lost") if t.state == "runs" and t.ended not in ("", "paused") else t for t in leg.takes]
    return replace(leg, takes=tuple(takes))


def awaited(leg: Leg) -> bool:
    """Whether the provider has yet to say where a piece that has ended is."""
    return any(take.state == "runs" and take.ended not in ("", "paused") for take in leg.takes)


# --- What the provider is to be told -----------------------------------------------------------------------------------


def to_do(leg: Leg) -> list[Todo]:
    """What has to be done at the provider for this leg, in this order."""
    wanted: list[Todo] = []
    if leg.lives and leg.doing == "end" and leg.sid and leg.told < leg.turn:
        wanted.append("end")
    elif leg.lives and leg.to and not leg.sid and leg.doing != "end":
        wanted.append("place")
    elif leg.lives and leg.asked and leg.told < leg.turn:
        wanted.append("push")
    elif leg.lives and leg.doing == "meet" and leg.announced[0] and not leg.announcing:
        wanted.append("announce")
    if leg.strays:
        wanted.append("end_strays")
    if any(take.state == "told" for take in leg.takes):
        wanted.append("fetch")
    if any(take.state in _SETTLED and take.sid for take in leg.takes):
        wanted.append("forget")
    return wanted


def pushed(leg: Leg, turn: int) -> Leg:
    """The provider was sent to the document of that turn, or told to end the leg then."""
    return replace(leg, told=max(leg.told, turn))


def announcing(leg: Leg) -> Leg:
    """The provider was told that there is something to announce; it asks for the words."""
    return replace(leg, announcing=True)


def not_announced(leg: Leg) -> Leg:
    """Nothing is to be announced any more."""
    return replace(leg, announced=("", ()), announcing=False)


def ended_strays(leg: Leg) -> Leg:
    """No call rings beside the one that counts."""
    return replace(leg, strays=())


def not_placed(leg: Leg, why: str, *, unreachable: bool) -> tuple[Leg, list[exchange.Event]]:
    """The provider will not place the leg; nothing where it is placed, or over, by now."""
    if leg.sid or not leg.lives:
        return leg, []
    return replace(leg, state="failed"), [exchange.Gone(leg.leg, "unreachable" if unreachable else "failed", why[:200])]


def open_takes(leg: Leg) -> bool:
    """Whether something that was recorded is not handed on yet."""
    return any(take.state not in ("done", "dropped") for take in leg.takes)


def forgotten(leg: Leg) -> Leg:
    """The provider has thrown away what lies with us, or what nobody wants."""
    return replace(leg, takes=tuple(replace(t, sid="") if t.state in _SETTLED else t for t in leg.takes))


def to_forget(leg: Leg) -> list[str]:
    """The provider's ids of recordings that it need keep no longer."""
    return [take.sid for take in leg.takes if take.state in _SETTLED and take.sid]


def answered_with(leg: Leg) -> Leg:
    """The provider got the document of now."""
    return replace(leg, told=leg.turn, asked=True)


def steps(leg: Leg, room: str, ask: Ask, sound: Callable[[str], str]) -> list[Step]:
    """The document that the leg carries out now. `sound` gives the address of a recording, or of a tone by its name."""
    again = Redirect(ask("do", leg.turn))
    match leg.doing:
        case "ring":
            return [Pause(_UNANSWERED_S), again]
        case "end":
            return [Reject(leg.busy)] if leg.leg == CALLER and leg.told < 0 else [HangUp()]
        case "say":
            heard = [Play(sound(one.recording)) if one.recording else _spoken(one) for one in leg.words]
            over = Redirect(ask("said", leg.turn))
            return [_gather(leg, ask, heard, 1), over] if leg.stop else [*heard, over]
        case "hold":
            tone = Play(sound(SOUNDS_RINGING if leg.ringing else SOUNDS_HOLD), 0)
            return [_gather(leg, ask, [tone], 1), again]
        case "record":
            here = ask("recorded", leg.turn)
            return [Record(here, ask("kept", leg.turn), leg.longest_s, leg.silence_s, leg.tone), Redirect(here)]
        case "fall_back":
            here, kept = ask("recorded", leg.turn), ask("kept", leg.turn)
            said = [_spoken(one) for one in leg.words]
            return [*said, Record(here, kept, leg.longest_s, leg.silence_s, leg.tone), HangUp()]
        case "meet":
            return [Meet(room, ask("left", leg.turn), sound(SOUNDS_HOLD), leg.muted), again]
        case _:
            return [_gather(leg, ask, [], LISTENS_S), again]


def _spoken(words: Words) -> Say:
    return Say(words.text, voice_language(words.language))


def _gather(leg: Leg, ask: Ask, inside: Sequence[Say | Play | Pause], wait_s: int) -> Gather:
    if leg.digits > 1:
        return Gather(ask("key", leg.turn), inside, leg.digits, BETWEEN_KEYS_S, any_key=True)
    return Gather(ask("key", leg.turn), inside, 1, wait_s, any_key=True)
