"""What a caller hears and keys before anybody is rung: PIN, known outage, the message that waits, cover, menu. Pure.

Each stage has what begins it, what a key does in it (`*_key`), and what silence does (`*_silent`).
"""

from nightdesk.calls import wording
from nightdesk.calls.turn import KEY_S, Turn
from nightdesk.lines.exchange import Words

PIN_TRIES = 3
LONGEST_PIN = 12
LOOK_S = 10
"""How long finding out who it is may take."""


# --- PIN -------------------------------------------------------------------------------------------------------------


def pin(turn: Turn) -> None:
    """Ask for it."""
    turn.stage = "pin"
    turn.memory["pin"] = ""
    name = "ask_staff_pin" if turn.memory.get("reads_out") else "ask_pin"
    _ask(turn, [*turn.opening(), turn.words(name)])


def _ask(turn: Turn, words: list[Words]) -> None:
    turn.say(words, then="key", keys="0123456789*#", digits=LONGEST_PIN)


def pin_key(turn: Turn, digit: str) -> None:
    """A digit of it; hash ends it, star is for who has none."""
    if turn.memory.get("looking"):
        return
    if digit == "*":
        turn.memory["pin"] = ""
        without_pin(turn, "The caller has no PIN.")
    elif digit == "#" or len(turn.memory["pin"]) >= LONGEST_PIN:
        pin_silent(turn)
    else:
        turn.memory["pin"] += digit
        turn.wait("wait", KEY_S)


def pin_silent(turn: Turn) -> None:
    """They have keyed it, or nothing."""
    if turn.memory.get("looking"):
        return
    keyed, turn.memory["pin"] = turn.memory["pin"], ""
    if not keyed:
        without_pin(turn, "The caller keyed no PIN.")
        return
    turn.memory["pin_tries"] = turn.memory.get("pin_tries", 0) + 1
    look(turn, pin=keyed)


def look(turn: Turn, *, pin: str = "", skill: str = "") -> None:
    """Find out who it is and who may be rung; the caller hears a tone meanwhile."""
    turn.memory["looking"] = True
    turn.hold()
    turn.ask_who(pin, skill)
    turn.wait("look", LOOK_S)


def pin_known(turn: Turn, *, believed: bool, tries_left: int) -> None:
    """Whether the PIN was right."""
    if believed:
        turn.memory["asked_pin"] = True
        turn.go("route", f"The PIN is that of {turn.facts.caller.name or 'somebody whom we know'}.")
    elif tries_left > 0 and turn.memory.get("pin_tries", 0) < PIN_TRIES:
        turn.why("The PIN is not right.")
        _ask(turn, [turn.words("wrong_pin")])
    else:
        without_pin(turn, "The PIN is not right, and was tried often enough.")


def without_pin(turn: Turn, why: str) -> None:
    """They are who their number says, or nobody whom we know."""
    turn.memory["asked_pin"] = True
    turn.memory.pop("reads_out", None)
    turn.go("route", why)


# --- A known outage --------------------------------------------------------------------------------------------------


def status(turn: Turn) -> None:
    """What the caller's status page says of their service, before anything else. Nobody is rung."""
    turn.stage = "status"
    outages = turn.facts.caller.outages
    turn.memory["heard"] = True
    turn.write("heard_outage", outage_ids=[outage.outage_id for outage in outages])
    turn.why("What they buy is touched by an open outage: they hear it, and nobody is rung.")
    for outage in outages:
        if outage.late:
            turn.write("chase_update", outage_id=outage.outage_id)
            turn.why("The last update is overdue: its age is said, and whoever speaks for it is asked for the next.")
    _say_status(turn, first=True)


def _say_status(turn: Turn, *, first: bool) -> None:
    facts = turn.facts
    said = [turn.words("brand", brand=facts.line.brand)] if first else []
    for outage in facts.caller.outages:
        said.append(wording.plain(outage.words, facts))
        if outage.late and outage.next_at is not None:
            age, due = wording.age(outage.said_at, facts), wording.when(outage.next_at, facts)
            said.append(turn.words("status_late", age=age, when=due))
            continue
        said.append(turn.words("status_said", when=wording.when(outage.said_at, facts)))
        if outage.next_at is not None:
            said.append(turn.words("status_next", when=wording.until(outage.next_at, facts)))
    said.append(turn.words("status_keys"))
    if first:
        said.append(wording.own_words("danger", facts.line.danger, facts))
        turn.memory["greeted"] = True
    turn.memory["times_said"] = turn.memory.get("times_said", 0) + 1
    turn.say(said, then="key", keys="123")


def status_key(turn: Turn, digit: str) -> None:
    """1 texts, 2 something else, 3 a message. Neither 2 nor 3 reaches who is fixing."""
    if digit == "1":
        turn.write("texts_wanted", outage_ids=[outage.outage_id for outage in turn.facts.caller.outages])
        turn.why("They want text messages about it.")
        turn.finish("heard_outage", turn.words("texts_wanted"))
    elif digit == "2":
        turn.memory["other"] = True
        turn.go("route", "They ring about something else.")
    elif digit == "3":
        turn.go("overflow", "They would leave a message.")


def status_silent(turn: Turn) -> None:
    """It is said once more, then the call ends."""
    if turn.memory.get("times_said", 0) < 2 and turn.facts.caller.outages:
        _say_status(turn, first=False)
    else:
        turn.why("They have heard it, and want nothing else.")
        turn.finish("heard_outage", turn.words("goodbye"))


# --- A message that waits --------------------------------------------------------------------------------------------


def waiting(turn: Turn) -> None:
    """Where the message stands that this number left before."""
    turn.stage = "waiting"
    message = turn.facts.caller.waiting
    turn.memory["told_of_message"] = True
    if message is None:
        turn.go("route")
        return
    turn.memory["message_id"] = message.message_id
    turn.write("again", message_id=message.message_id)
    turn.why("This number left a message that nobody has closed: they hear where it stands.")
    said = [*turn.opening(), turn.words("waiting_since", when=wording.when(message.taken_at, turn.facts))]
    if message.says:
        said.append(wording.plain(message.says, turn.facts))
    if message.call_back_by is not None and message.call_back_by > turn.facts.at:
        said.append(turn.words("waiting_by", when=wording.until(message.call_back_by, turn.facts)))
    said.append(turn.words("waiting_again"))
    turn.say([*said, turn.words("waiting_keys")], then="key", keys="123")


def waiting_key(turn: Turn, digit: str) -> None:
    """1 adds to it, 2 cancels it, 3 goes on with something else."""
    if digit == "1":
        turn.go("message", "They add to their message.")
    elif digit == "2":
        turn.write("cancel_message", message_id=turn.memory["message_id"])
        turn.why("They found it themselves: nobody need ring them back.")
        turn.finish("cancelled", turn.words("cancelled"))
    elif digit == "3":
        turn.memory.pop("message_id", None)
        turn.go("route", "They ring about something else.")


def waiting_silent(turn: Turn) -> None:
    """In hours somebody takes the call; else the message stands."""
    if turn.facts.line.open_now:
        turn.go("route", "It is within hours: somebody takes the call.")
    else:
        turn.why("Their message stands.")
        turn.finish("message", turn.words("goodbye"))


# --- Not covered -----------------------------------------------------------------------------------------------------


def not_covered(turn: Turn) -> None:
    """What their contract covers, what works meanwhile, and what it costs to have somebody out now."""
    turn.stage = "not_covered"
    turn.why("Their contract covers nobody at this hour.")
    _say_not_covered(turn)


def _say_not_covered(turn: Turn) -> None:
    facts = turn.facts
    said = [*turn.opening(), turn.words("not_covered")]
    if facts.caller.hours_in_words:
        said.append(wording.plain(facts.caller.hours_in_words, facts))
    if facts.caller.answer_from is not None:
        said.append(turn.words("answer_from", when=wording.when(facts.caller.answer_from, facts)))
    said += [turn.words("workaround", words=one) for one in facts.caller.workarounds]
    if price := _call_out_price(turn):
        said.append(turn.words("call_out", price=price))
    said.append(turn.words("leave_for_later"))
    turn.memory["times_said_cover"] = turn.memory.get("times_said_cover", 0) + 1
    turn.say(said, then="key", keys="12" if price else "2")


def _call_out_price(turn: Turn) -> str:
    """At what price they may have an engineer called out; "" where they may not."""
    return turn.facts.line.call_out_price if turn.facts.caller.may_call else ""


def not_covered_key(turn: Turn, digit: str) -> None:
    """1 is the consent to be charged, and recorded as that; 2 leaves a message for the morning."""
    price = _call_out_price(turn)
    if digit == "1" and price:
        turn.memory["call_out"] = True
        turn.write("call_out", said=turn.words("call_out", price=price).text, price=price)
        turn.memory["say_first"] = "call_out_noted"
        turn.go("route", f"They want a call-out at {price}: that key is their consent.")
    elif digit == "2":
        turn.memory["for_later"] = True
        turn.go("message", "They leave a message for the hours that are covered.")


def not_covered_silent(turn: Turn) -> None:
    """It is said once more, then the call ends."""
    if turn.memory.get("times_said_cover", 0) < 2:
        _say_not_covered(turn)
    else:
        turn.finish("not_covered", turn.words("goodbye"))


# --- The menu --------------------------------------------------------------------------------------------------------


def menu(turn: Turn) -> None:
    """The line's choices, one level of them."""
    turn.stage = "menu"
    turn.memory["chosen"] = True
    choices = [turn.words("menu_choice", says=one["says"], key=one["key"]) for one in turn.facts.line.menu]
    keys = "".join(one["key"] for one in turn.facts.line.menu)
    turn.say([*turn.opening(), *choices], then="key", keys=keys)


def menu_key(turn: Turn, digit: str) -> None:
    """The choice says which skill is wanted."""
    if turn.memory.get("looking"):
        return
    for choice in turn.facts.line.menu:
        if choice["key"] == digit:
            turn.memory["skill"] = choice.get("skill", "")
            turn.why(f"They chose: {choice['says']}.")
            look(turn, skill=choice.get("skill", ""))
            return


def menu_silent(turn: Turn) -> None:
    """Whoever chooses nothing is taken as the line takes everybody."""
    turn.go("route", "They chose nothing.")
