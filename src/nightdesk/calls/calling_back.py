"""A call-back: one of ours is rung first, then the customer; they are joined, and at the end a key says how it went. Pure."""

from nightdesk.calls.terms import CallBack, Candidate
from nightdesk.calls.turn import LETTERS_A_SECOND, LONGEST_TALK_S, Turn

ENGINEER = "e1"
RING_S = 40
"""How long the customer's telephone rings."""
TRIES = 3
ANSWER_S = 20
"""For a key of the engineer's."""
OUTCOMES = {"1": "solved", "2": "goes_on", "3": "not_reached"}


def begin(turn: Turn, event: CallBack) -> None:
    """The engineer is rung, with the pager's number."""
    turn.stage = "callback"
    turn.memory |= {
        "customer": "out",
        "message_id": event.message_id,
        "number": event.number,
        "name": event.name or " ".join(event.number.lstrip("+")),
    }
    turn.ring("e", event.engineer, "engineer", whispered=turn.memory["name"])
    turn.why(f"{event.engineer.name} calls back: their telephone rings first.")


def engineer_picked_up(turn: Turn) -> None:
    """Outside, only a key says that it is they; else the customer is rung."""
    turn.forget(f"ring:{ENGINEER}")
    if turn.who[ENGINEER]["outside"]:
        turn.legs[ENGINEER] = "asked"
        said = turn.words("call_back", name=turn.memory["name"], brand=turn.facts.line.brand)
        turn.tell(ENGINEER, said, keys="12")
        turn.wait(f"accept:{ENGINEER}", ANSWER_S + len(said.text) / LETTERS_A_SECOND)
    else:
        ring_customer(turn)


def ring_customer(turn: Turn) -> None:
    """The customer's telephone rings, and shows a number that comes back to us."""
    turn.legs[ENGINEER] = "up"
    turn.forget(f"accept:{ENGINEER}", "outcome")
    turn.memory["asks"] = ""
    turn.counted("try")
    turn.tell(ENGINEER, turn.words("call_back_rings", name=turn.memory["name"]))
    customer = Candidate(0, turn.memory["name"], turn.memory["number"], outside=True, awake=True)
    turn.ring("out", customer, "customer", show=turn.facts.line.shown_number, ring_s=RING_S, whispered="")
    turn.why("The customer is rung.")


def customer_picked_up(turn: Turn) -> None:
    """They are joined."""
    turn.legs["out"] = "up"
    turn.forget("ring:out")
    turn.stage = "talk"
    turn.join()
    turn.memory["answered"] = True
    turn.wait("whole", LONGEST_TALK_S)
    turn.write("reached", message_id=turn.memory["message_id"], person_id=turn.who[ENGINEER]["person_id"])
    turn.why("The two are joined.")


def customer_gone(turn: Turn, why: str) -> None:
    """After the talk the engineer says how it went; before it, whether to ring again."""
    turn.why("The talk is over." if turn.stage == "talk" else f"The customer does not answer ({why}).")
    if not turn.legs_as("engineer", states=("up",)):
        over(turn)
        return
    if turn.stage == "talk":
        ask_outcome(turn)
        return
    turn.memory["asks"] = "again"
    turn.tell(ENGINEER, turn.words("call_back_none", name=turn.memory["name"]), keys="12")
    turn.wait("outcome", ANSWER_S)


def ask_outcome(turn: Turn) -> None:
    """One key says how it went."""
    turn.stage = "callback"
    turn.memory["asks"] = "outcome"
    asked = next(iter(turn.legs_as("engineer", states=("up",))))
    turn.memory["asked"] = asked
    for leg in [leg for leg in turn.legs if leg != asked]:
        turn.drop(leg)
    turn.tell(asked, turn.words("outcome"), keys="123")
    turn.wait("outcome", ANSWER_S)


def key(turn: Turn, leg: str, digit: str) -> None:
    """A key of the engineer's."""
    if turn.legs.get(leg) == "asked":
        if digit == "1":
            ring_customer(turn)
        elif digit == "2":
            turn.why("They leave it.")
            over(turn)
    elif turn.memory.get("asks") == "again":
        if digit == "1" and turn.memory["counts"]["try"] < TRIES:
            ring_customer(turn)
        elif digit in "12":
            say_outcome(turn, leg, "not_reached")
    elif turn.memory.get("asks") == "outcome" and digit in OUTCOMES:
        say_outcome(turn, leg, OUTCOMES[digit])


def say_outcome(turn: Turn, leg: str, outcome: str) -> None:
    """It is noted, and the call is over."""
    turn.write("outcome", message_id=turn.memory["message_id"], outcome=outcome)
    turn.memory["asks"] = ""
    turn.memory["noted"] = True
    turn.why(f"How it went: {outcome.replace('_', ' ')}.")
    turn.tell(leg, turn.words("noted"))
    turn.stage = "ending"
    turn.wait("outcome", 4)


def due(turn: Turn) -> None:
    """No key came: whoever reads the message asks."""
    if turn.memory.get("asks") == "again":
        turn.write("outcome", message_id=turn.memory["message_id"], outcome="not_reached")
    over(turn)


def leg_gone(turn: Turn, leg: str, why: str) -> None:
    """The engineer is gone, or never came: nothing rings for a call-back that nobody makes."""
    turn.why(f"{turn.name_of(leg)} is not on the line ({why}).")
    over(turn)


def over(turn: Turn) -> None:
    """Nothing is left of it."""
    turn.finish("answered" if turn.memory.get("answered") else "missed")
