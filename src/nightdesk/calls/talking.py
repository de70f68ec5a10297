"""A telephone rings, is picked up, and joins the talk: one, several, and those who only listen. Pure."""

from collections.abc import Sequence

from nightdesk.calls import wording
from nightdesk.calls.terms import Candidate
from nightdesk.calls.turn import LETTERS_A_SECOND, LONGEST_TALK_S, RINGS, Turn

ACCEPT_S = 12
"""From the words to the key by which a telephone outside takes a call."""
TAKES_ITS_LEAVE_S = 6
HELD_S = 60
"""So often whoever put a caller on hold hears that they wait."""
PARKED_S = 120
"""A parked caller whom nobody has taken by then is hunted for anew."""
COMING_S = 20
"""So much longer where a telephone rings to take them."""


def rings(turn: Turn, leg: str) -> None:
    """A telephone rings: from now its time counts."""
    if turn.legs.get(leg) == "ordered":
        turn.legs[leg] = "ringing"
        turn.wait(f"ring:{leg}", turn.who[leg]["ring_s"] + 3)
        _note_woken(turn, leg)


def _note_woken(turn: Turn, leg: str) -> None:
    """A sleeper's telephone made a noise."""
    who = turn.who[leg]
    if who["as"] == "engineer" and not who["awake"] and not who.get("woken"):
        who["woken"] = True
        turn.memory.setdefault("woken", []).append(who["person_id"])
        turn.write("woken", person_id=who["person_id"])


def picked_up(turn: Turn, leg: str) -> None:
    """Somebody, or something, has answered. Outside, only a key says that it was somebody."""
    if turn.legs.get(leg) not in ("ordered", "ringing"):
        return
    who = turn.who[leg]
    _note_woken(turn, leg)
    turn.forget(f"ring:{leg}")
    if not who["outside"]:
        accept(turn, leg)
        return
    turn.legs[leg] = "asked"
    name = {"bureau": "bureau_whisper"}.get(who["as"], "add_whisper" if who.get("added") else "take_it")
    caller = wording.caller_is(turn.facts, turn.memory.get("number", ""))
    said = turn.words(name, caller=caller, brand=turn.facts.line.brand)
    turn.tell(leg, said, keys="12")
    turn.wait(f"accept:{leg}", ACCEPT_S + len(said.text) / LETTERS_A_SECOND)
    turn.why(f"{who['name'] or 'The bureau'} picked up outside, and must press 1: it may be a machine.")


def accept(turn: Turn, leg: str) -> None:
    """They take the call: whoever else rings for it is let go, and the two are joined."""
    who = turn.who[leg]
    turn.legs[leg] = "up"
    turn.forget(f"ring:{leg}", f"accept:{leg}")
    if who["as"] == "listener" or (who.get("added") and turn.stage == "talk"):
        _joins_the_talk(turn, leg)
        return
    for other in turn.legs_as("engineer", "bureau", "desk", states=RINGS):
        if turn.legs[other] == "asked":
            _let_go(turn, other)
        else:
            turn.drop(other)
    turn.stop_ringing()
    turn.stage = "talk"
    turn.memory["answered"] = True
    turn.join()
    turn.wait("whole", LONGEST_TALK_S)
    turn.write("answered", by=who["as"], person_id=who["person_id"] or None)
    turn.why(f"{who['name'] or 'The bureau'} has the call.")
    if who["as"] == "engineer":
        for listener in turn.facts.listeners:
            if listener.awake and listener.reachable and not listener.busy:
                bring(turn, listener, listening=True)


def _let_go(turn: Turn, leg: str) -> None:
    """They picked up too late."""
    turn.legs[leg] = "leaving"
    turn.forget(f"accept:{leg}")
    turn.tell(leg, turn.words("taken"))
    turn.wait(f"leave:{leg}", TAKES_ITS_LEAVE_S)


# --- Several ---------------------------------------------------------------------------------------------------------


def bring(turn: Turn, candidate: Candidate, *, listening: bool = False, instead_of: int | None = None) -> None:
    """Ring a colleague into the talk; one who only listens; one who takes it over from somebody (a person's id)."""
    if any(one["person_id"] == candidate.person_id and leg in turn.legs for leg, one in turn.who.items()):
        turn.why(f"{candidate.name or 'They'} is in the call already.")
        return
    whispered = wording.caller_is(turn.facts, turn.memory.get("number", ""))
    kind, part = ("l", "listener") if listening else ("e", "engineer")
    leg = turn.ring(kind, candidate, part, whispered=whispered)
    turn.who[leg]["added"] = True
    if instead_of is not None:
        turn.who[leg]["instead_of"] = instead_of
    turn.why(f"{candidate.name} is asked into the call{' to listen' if listening else ''}.")


def _joins_the_talk(turn: Turn, leg: str) -> None:
    takes_over = turn.who[leg].get("instead_of") is not None
    back = turn.on_hold and turn.who[leg]["as"] != "listener" and (takes_over or is_parked(turn, but=leg))
    if back:
        _off_hold(turn)
    turn.join()
    if back:
        turn.tell_unheard()
    turn.announce("listens" if turn.who[leg]["as"] == "listener" else "joins", name=turn.name_of(leg))
    turn.why(f"{turn.name_of(leg)} is in the call; all were told.")
    if turn.who[leg].get("instead_of") is not None:
        leave(turn, turn.who[leg]["instead_of"])


def leave(turn: Turn, person_id: int) -> None:
    """Somebody goes; the caller is not left alone by it."""
    talkers = turn.legs_as("engineer", "desk", "bureau", states=("up",))
    going = [leg for leg in turn.legs if turn.who.get(leg, {}).get("person_id") == person_id]
    if not set(talkers) - set(going) and set(talkers) & set(going):
        turn.why("They are the last one with the caller, and stay.")
        return
    for leg in going:
        turn.drop(leg)
        turn.join()
        turn.announce("has_left", name=turn.name_of(leg))


def did_not_come(turn: Turn, leg: str) -> None:
    """Somebody who was asked into the call does not answer."""
    for other in turn.legs_as("engineer", "desk", "bureau", states=("up",)):
        turn.tell(other, turn.words("does_not_come", name=turn.name_of(leg)))
    turn.why(f"{turn.name_of(leg)} does not answer.")


def left(turn: Turn, leg: str, why: str) -> None:
    """One of ours is gone from the talk. The last one ends it, unless their line broke."""
    who = turn.who[leg]
    if turn.legs_as("engineer", "desk", "bureau", states=("up",)):
        turn.join()
        turn.announce("has_left", name=turn.name_of(leg))
        return
    if who["as"] == "listener":
        turn.join()
        return
    if turn.on_hold and turn.customer_is_here:
        turn.why(f"{turn.name_of(leg)} is gone, and the caller on hold is parked.")
        _park(turn, keep=RINGS)
        return
    if why == "failed" and turn.customer_is_here and not turn.memory.get("broke"):
        turn.memory["broke"] = True
        turn.memory.get("tried", {}).clear()
        for listener in turn.legs_as("listener"):
            turn.drop(listener)
        turn.go("hunt again", "The line to the engineer broke: we ring again.")
        return
    turn.why("The talk is over.")
    turn.finish("answered")


# --- On hold, and parked ---------------------------------------------------------------------------------------------


def hold(turn: Turn) -> None:
    """The caller hears music; ours talk among themselves."""
    if turn.on_hold or not turn.customer_is_here:
        return
    turn.memory["on_hold"] = True
    turn.join()
    turn.hold(ringing=False)
    turn.wait("held", HELD_S)
    turn.why("The caller is on hold, and hears music.")


def off_hold(turn: Turn) -> None:
    """The caller is back in the talk; of a parked one there is none."""
    if not turn.on_hold or is_parked(turn):
        turn.why("Nobody has the caller on hold.")
        return
    _off_hold(turn)
    turn.join()
    turn.tell_unheard()
    turn.why("The caller is back in the talk.")


def park(turn: Turn) -> None:
    """Ours are free again; the caller hears music until somebody takes them, or until they are hunted for anew."""
    if not turn.customer_is_here:
        return
    turn.memory["on_hold"] = True
    turn.hold(ringing=False)
    _park(turn)
    turn.why("The caller is parked: whoever is free may take them.")


def _park(turn: Turn, *, keep: Sequence[str] = ()) -> None:
    """Nobody of ours has them; whose leg is in a state of `keep` may still come."""
    for leg in [leg for leg, state in turn.legs.items() if leg != turn.customer and state not in keep]:
        turn.drop(leg)
    turn.forget("held")
    turn.wait("parked", PARKED_S)


def is_parked(turn: Turn, *, but: str = "") -> bool:
    """A caller on hold whom nobody has (`but`: whoever comes at this moment)."""
    talkers = turn.legs_as("engineer", "desk", "bureau", states=("up",))
    return turn.on_hold and not set(talkers) - {but}


def take_parked(turn: Turn, candidate: Candidate) -> None:
    """They are rung, and have the caller once they have picked up."""
    if is_parked(turn):
        bring(turn, candidate)
    else:
        turn.why("Somebody has the caller by now.")


def held_due(turn: Turn) -> None:
    """Nobody forgets whom they put on hold."""
    if turn.stage == "talk" and turn.on_hold:
        for leg in turn.legs_as("engineer", "desk", "bureau", states=("up",)):
            turn.tell(leg, turn.words("still_on_hold"))
        turn.wait("held", HELD_S)


def parked_due(turn: Turn) -> None:
    """Nobody came: telephones ring as if the caller had just rung."""
    if turn.stage == "talk" and is_parked(turn):
        if turn.legs_as("engineer", "desk", "bureau", states=RINGS):
            turn.wait("parked", COMING_S)  # somebody is about to have them
            return
        _off_hold(turn)
        turn.memory.pop("unheard", None)
        turn.stop_ringing()
        turn.memory.get("tried", {}).clear()
        turn.memory["say_first"] = "parked_long"
        turn.go("hunt again", "Nobody took the parked caller: we ring again.")


def _off_hold(turn: Turn) -> None:
    turn.memory.pop("on_hold", None)
    turn.forget("held", "parked")
