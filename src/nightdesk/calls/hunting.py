"""Whom a call rings, in which order, and when it is somebody else's turn. Pure.

In hours telephones ring one over the other, until one answers. A sleeper is rung alone, and long enough to wake; as a rule
one of them. Who is fixing an outage is left alone by all but peers and our own people.
"""

from nightdesk.calls import wording
from nightdesk.calls.terms import Candidate
from nightdesk.calls.turn import LONGEST_CALL_S, RINGS, Turn

LONG_ENOUGH_TO_WAKE_S = 25
AGAIN = ("no_answer", "busy")
AGAIN_S = 3
"""After that those who were busy or did not answer are tried anew, in hours."""
STILL_S = 30
"""After that a caller hears that we are still ringing."""
DESK_S = 20
BUREAU_RING_S = 30
BUREAU_ALONE_S = 8
"""After that the recorder begins to speak; the bureau goes on ringing, and may still take the call."""
JOINING_S = 4
"""How much later the next joins where the one before does not even ring."""


# --- Hunting ---------------------------------------------------------------------------------------------------------


def start(turn: Turn) -> None:
    """Ring those who are awake, one over the other."""
    turn.stage = "hunt"
    turn.memory["hunt"] = {"mode": "overlap", "width": 1}
    tried = turn.memory.get("tried", {})
    turn.memory["tried"] = {to: why for to, why in tried.items() if why not in AGAIN}
    turn.wait("hunt", turn.facts.line.longest_hunt_s)
    turn.wait("still", STILL_S)
    said = turn.opening()
    if first := turn.memory.pop("say_first", ""):
        said.append(turn.words(first))
    if turn.facts.ahead:
        said.append(turn.words("queue", number=turn.facts.ahead + 1))
    elif _for_ours(turn):
        said = [turn.words("hunt_staff")]
        turn.memory["greeted"] = True
    elif not said:
        said = [turn.words("hunt")]
    turn.say(said, then="tone" if not turn.facts.ahead else "music")
    _set_join_timer(turn, late=JOINING_S)
    go_on(turn)


def start_again(turn: Turn) -> None:
    """Whoever had the caller is gone: the caller hears why, and telephones ring anew."""
    turn.memory.setdefault("say_first", "line_broke")
    turn.wait("whole", LONGEST_CALL_S)
    start(turn)


def go_on(turn: Turn) -> None:
    """Ring as many as the moment allows; where nobody is left to ring, see what else there is."""
    while candidate := _next(turn):
        _ring(turn, candidate)
    if turn.stage == "bureau":
        if not turn.legs_as("bureau", "desk", states=RINGS) and "desk" not in turn.timers:
            overflow(turn)
    elif not turn.legs_as("engineer", states=RINGS):
        _nobody_rings(turn)


def _next(turn: Turn) -> Candidate | None:
    """Who is rung now, beside those whom we ring already; None where nobody is."""
    hunt = turn.memory.get("hunt")
    if hunt is None:
        return None
    ringing = turn.legs_as("engineer", states=RINGS)
    serial = hunt["mode"] == "serial"
    if len(ringing) >= (1 if serial else min(hunt["width"], turn.facts.line.most_rung)):
        return None
    if serial and len(turn.memory.get("woken", ())) >= most_woken(turn):
        return None
    for candidate in _in_order(turn):
        if candidate.awake == serial or not may_be_rung(turn, candidate):
            continue
        if candidate.to in turn.memory.get("tried", {}):
            continue
        if not candidate.reachable:
            turn.memory.setdefault("tried", {})[candidate.to] = "unreachable"
            turn.why(f"{candidate.name} is skipped: their telephone is not registered.")
            continue
        if candidate.busy:
            continue
        return candidate
    return None


def _in_order(turn: Turn) -> list[Candidate]:
    """The candidates as they come; whoever is fixing comes last for those who may ring them at all."""
    return sorted(turn.facts.candidates, key=lambda candidate: candidate.fixing)


def may_be_rung(turn: Turn, candidate: Candidate) -> bool:
    """Whether this call may ring them at all."""
    if candidate.person_id == turn.facts.caller.person_id:
        return False
    if candidate.fixing and (turn.memory.get("heard") or turn.facts.caller.kind not in ("peer", "staff")):
        return False
    if any(one["person_id"] == candidate.person_id and leg in turn.legs for leg, one in turn.who.items()):
        return False
    return candidate.awake or may_wake(turn)


def may_wake(turn: Turn) -> bool:
    """Whether this call may ring somebody out of their sleep."""
    caller, line = turn.facts.caller, turn.facts.line
    if turn.memory.get("heard"):
        return False
    if caller.kind in ("peer", "staff"):
        return True
    bought = caller.covered or bool(turn.memory.get("call_out"))
    return caller.kind == "customer" and bought and caller.may_wake and (caller.live or line.night == "live")


def most_woken(turn: Turn) -> int:
    """How many sleepers this call may ring, one after the other."""
    return turn.facts.line.most_rung if turn.facts.caller.live else 1


def _ring(turn: Turn, candidate: Candidate) -> None:
    ring_s = turn.facts.line.ring_s if candidate.awake else max(turn.facts.line.ring_s, LONG_ENOUGH_TO_WAKE_S)
    whispered = wording.caller_is(turn.facts, turn.memory.get("number", ""))
    leg = turn.ring("e", candidate, "engineer", ring_s=ring_s, whispered=whispered)
    as_what = {"queue": "next in the queue", "holder": "on duty", "backup": "the backup", "network": "for the network"}
    turn.why(f"{candidate.name} is rung as {leg}: {as_what.get(candidate.rank, 'signed in')}.")


def _nobody_rings(turn: Turn) -> None:
    """Nobody rings for this call at this moment."""
    hunt, line = turn.memory["hunt"], turn.facts.line
    if hunt["mode"] == "overlap" and _could_be_tried_again(turn) and not _overflow_waits(turn):
        turn.wait_at_most("again", AGAIN_S)
        return
    if hunt["mode"] == "overlap" and may_wake(turn):
        hunt["mode"] = "serial"
        turn.why("Nobody who is awake answers; one sleeper at a time is rung.")
        go_on(turn)
        return
    turn.why("Nobody is left to ring." if line.open_now else "Nobody else is rung at this hour.")
    overflow(turn)


def _could_be_tried_again(turn: Turn) -> bool:
    """In hours: somebody is busy or did not answer, and may be free soon."""
    if not turn.facts.line.open_now or "hunt" not in turn.timers:
        return False
    tried = turn.memory.get("tried", {})
    return any(
        candidate.awake and may_be_rung(turn, candidate) and (candidate.busy or tried.get(candidate.to) in AGAIN)
        for candidate in turn.facts.candidates
    )


def _overflow_waits(turn: Turn) -> bool:
    return _desk_is_free(turn) or _bureau_is_there(turn)


def _set_join_timer(turn: Turn, *, late: float = 0) -> None:
    """When the next telephone joins the ringing. Times count from the ringing of the first."""
    hunt = turn.memory["hunt"]
    joined = int(hunt.get("joined", 0))
    joins = list(turn.facts.line.joins_s)
    if joined < len(joins) and hunt["mode"] == "overlap":
        passed = joins[joined - 1] if joined else 0
        turn.wait_at_most("join", max(joins[joined] - passed, 0) + late)


# --- What comes while it hunts ---------------------------------------------------------------------------------------


def rang(turn: Turn) -> None:
    """The first telephone rings: the next one's time counts from now."""
    if turn.stage == "hunt" and not turn.memory["hunt"].get("joined") and "join" in turn.timers:
        _set_join_timer(turn)


def ended(turn: Turn, leg: str, why: str) -> None:
    """A telephone that was rung for this call has stopped; the next one's turn."""
    who = turn.who[leg]
    turn.memory.setdefault("tried", {})[who["to"]] = why
    turn.why(f"{who['name'] or 'The bureau'}: {_ENDED.get(why, why)}.")
    if turn.stage in ("hunt", "bureau"):
        go_on(turn)


_ENDED = {
    "no_answer": "no answer",
    "busy": "busy",
    "unreachable": "unreachable, skipped at once",
    "hung_up": "declined",
    "declined": "declined",
    "failed": "the line failed",
    "not_accepted": "something answered, and nobody pressed 1",
}


def _became_known(turn: Turn) -> bool:
    """An outage that touches the caller was confirmed while they waited: they hear it, and nobody is rung any longer."""
    caller = turn.facts.caller
    if caller.kind != "customer" or not caller.outages or turn.memory.get("heard"):
        return False
    turn.stop_ringing()
    turn.go("status", "An outage became known while they waited.")
    return True


def join_due(turn: Turn) -> None:
    """Another telephone joins the ringing; at the last time all do."""
    if _became_known(turn):
        return
    hunt = turn.memory["hunt"]
    joined = hunt["joined"] = int(hunt.get("joined", 0)) + 1
    hunt["width"] = turn.facts.line.most_rung if joined >= len(turn.facts.line.joins_s) else joined + 1
    turn.forget("join")
    _set_join_timer(turn)
    turn.why("All ring from now on." if joined >= len(turn.facts.line.joins_s) else "The next telephone rings as well.")
    go_on(turn)


def again_due(turn: Turn) -> None:
    """Those who were busy or did not answer are tried anew."""
    if _became_known(turn):
        return
    tried = turn.memory.get("tried", {})
    turn.memory["tried"] = {to: why for to, why in tried.items() if why not in AGAIN}
    go_on(turn)


def hunt_due(turn: Turn) -> None:
    """It has been long enough: somebody else takes the call, or a message is taken. Who rings already goes on."""
    if _became_known(turn):
        return
    turn.why("It has rung for long enough: somebody else may take it as well.")
    overflow(turn)


def still_due(turn: Turn) -> None:
    """The caller is told that they are not forgotten."""
    if _became_known(turn):
        return
    if turn.hears() in ("tone", "music"):
        said = [turn.words("still")]
        if turn.facts.ahead:
            said.insert(0, turn.words("queue", number=turn.facts.ahead + 1))
        turn.say(said, then="music" if turn.facts.ahead else "tone")
    turn.wait("still", STILL_S)


def key(turn: Turn, digit: str) -> None:
    """A caller's key while telephones ring: 3 for a message; star to say who they are, or to hear pages."""
    if digit == "3":
        turn.stop_ringing()
        turn.go("message", "The caller would sooner leave a message.")
    elif digit == "*" and _for_ours(turn):
        turn.stop_ringing()
        turn.go("read_out", "They would sooner hear the open pages.")
    elif digit == "*" and turn.may_key_pin():
        turn.stop_ringing()
        turn.go("pin", "The caller says who they are.")


def _for_ours(turn: Turn) -> bool:
    return turn.facts.caller.kind == "staff"


# --- Somebody else takes it ------------------------------------------------------------------------------------------


def overflow(turn: Turn) -> None:
    """Our own message takers, then the outside bureau, then the recorder. Telephones that ring already go on ringing."""
    if turn.stage != "bureau" and _overflow_waits(turn):
        turn.stage = "bureau"
        if turn.hears() not in ("tone", "music", "words"):
            turn.say([*turn.opening(), turn.words("desk")], then="tone")
    if _desk_is_free(turn):
        turn.memory["desk"] = True
        turn.write("to_desk")
        turn.wait("desk", DESK_S)
        turn.why("A message taker at our own desk is asked to take it.")
    elif _bureau_is_there(turn):
        turn.memory["bureau"] = True
        line = turn.facts.line
        bureau = Candidate(0, "", line.bureau_number, outside=True, awake=True)
        whispered = wording.caller_is(turn.facts, turn.memory.get("number", ""))
        turn.ring("b", bureau, "bureau", ring_s=BUREAU_RING_S, whispered=f"{line.brand}: {whispered}")
        turn.wait("bureau", BUREAU_ALONE_S)
        turn.why("The outside bureau is rung.")
    elif not turn.legs_as("engineer", "bureau", "desk", states=RINGS) and "desk" not in turn.timers:
        turn.stop_ringing()
        turn.stage = "bureau"
        turn.go_after_words("message", "Nobody can take it: the recorder does.")


def _desk_is_free(turn: Turn) -> bool:
    facts = turn.facts
    return facts.line.desk_waits and facts.free_message_takers > 0 and not turn.memory.get("desk")


def _bureau_is_there(turn: Turn) -> bool:
    return bool(turn.facts.line.bureau_number) and not turn.memory.get("bureau")


def desk_due(turn: Turn) -> None:
    """Nobody at the desk has taken it."""
    turn.why("Nobody at the desk takes it.")
    turn.forget("desk")
    overflow(turn)


def bureau_due(turn: Turn) -> None:
    """The bureau lets it ring: unless an engineer rings as well, the recorder begins, and whoever picks up first has it."""
    if not turn.legs_as("engineer", "desk", states=RINGS) and not turn.legs_as("bureau", states=("asked",)):
        turn.go_after_words("message", "The bureau has not picked up yet: the recorder begins.")


def desk_takes(turn: Turn, taker: Candidate) -> None:
    """A message taker wants the call: their telephone rings, and the client's greeting is on their screen."""
    turn.forget("desk")
    turn.memory["desk"] = True
    turn.stage = "bureau"
    if turn.hears() != "tone":
        turn.say([turn.words("desk")], then="tone")
    whispered = wording.caller_is(turn.facts, turn.memory.get("number", ""))
    turn.ring("d", taker, "desk", whispered=f"{turn.facts.line.brand}: {whispered}")
    turn.why(f"{taker.name or 'A message taker'} takes it at the desk.")
