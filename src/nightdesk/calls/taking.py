"""A message is taken: the caller is told that it is recorded, and may decline; they hear it, and keep it or not. Pure."""

from datetime import timedelta

from nightdesk.calls import wording
from nightdesk.calls.turn import HUNT_TIMERS, KEY_S, LONGEST_RECORDING_S, Turn
from nightdesk.lines import exchange
from nightdesk.lines.exchange import Recorded, Words

TAKES = 3
"""How often a message may be said again."""
SOUND_S = 1.5
"""Less sound than that is no message."""
PAUSE_S = 120
"""A pause of a recording ends by itself, so that nothing of the message is lost for ever."""


def message(turn: Turn) -> None:
    """Say why, say that it is recorded or ask whether it may be, then record. Whoever rings still may take the call till then."""
    turn.stage = "message"
    turn.memory.pop("hunt", None)
    turn.forget(*HUNT_TIMERS)
    if "recorder_at" not in turn.memory:
        turn.memory["recorder_at"] = turn.facts.at.isoformat()
        turn.write("answered", by="recorder", person_id=None)
    said = turn.opening()
    if first := turn.memory.pop("say_first", ""):
        said.append(turn.words(first))
    if "message_id" not in turn.memory:
        said.append(turn.words("nobody_free" if turn.facts.line.open_now else "night"))
    consent, star = turn.facts.line.consent, "*" if turn.may_key_pin() else ""
    said.append(turn.words(consent))
    if consent == "asked":
        turn.memory["asks_consent"] = True
        turn.say(said, then="key", keys=f"12{star}")
        return
    said.append(turn.words("speak"))
    turn.say(said, then="record", keys=f"2{star}" if consent == "may_decline" else star)


def message_key(turn: Turn, digit: str) -> None:
    """Consent given or declined; or a number keyed by who declined and showed none."""
    if "keyed_number" in turn.memory:
        _number_key(turn, digit)
    elif not has_not_begun(turn):
        return
    elif digit == "*" and turn.may_key_pin():
        turn.stop_ringing()
        turn.go("pin", "The caller says who they are.")
    elif turn.memory.get("asks_consent") and digit == "1":
        turn.memory["asks_consent"] = False
        turn.say([turn.words("speak")], then="record")
    elif digit == "2" and turn.facts.line.consent != "told":
        decline(turn)


def has_not_begun(turn: Turn) -> bool:
    """Nothing is recorded yet, and the caller could still be taken by somebody."""
    return turn.stage == "message" and turn.hears() != "recording" and "message" not in turn.memory.get("counts", {})


def message_silent(turn: Turn) -> None:
    """No consent was given, or no number."""
    if "keyed_number" in turn.memory:
        _number_key(turn, "#")
    elif turn.memory.get("asks_consent"):
        decline(turn)
    else:
        record(turn)


def record(turn: Turn) -> None:
    """A tone, and what they say is kept."""
    turn.stop_ringing()
    name = f"m{turn.counted('message')}"
    turn.order(exchange.Record(turn.customer, name, LONGEST_RECORDING_S))
    turn.heard("recording", name=name)
    turn.wait("wait", LONGEST_RECORDING_S + 30)


def decline(turn: Turn) -> None:
    """Nothing is recorded; they are rung back all the same."""
    turn.memory["asks_consent"] = False
    turn.stop_ringing()
    turn.write("declined_recording")
    turn.why("They do not want to be recorded: they are rung back without.")
    if turn.memory.get("number"):
        _missed(turn, "declined")
    else:
        turn.memory["keyed_number"] = ""
        turn.say([turn.words("ask_number")], then="key", keys="0123456789#", digits=16)


def _number_key(turn: Turn, digit: str) -> None:
    if digit.isdigit() and len(turn.memory["keyed_number"]) < 16:
        turn.memory["keyed_number"] += digit
        turn.wait("wait", KEY_S)
    elif digit == "#":
        _missed(turn, "declined")


def is_over(turn: Turn, event: Recorded) -> bool:
    """Whether that is the recording that was waited for, which is over with it."""
    if turn.hears() != "recording" or turn.memory["hears"]["name"] != event.name:
        return False
    turn.heard("")
    turn.forget("pause", "wait", "recorded")
    turn.memory.pop("stopped", None)
    return True


def has_sound(event: Recorded) -> bool:
    """Whether anything was said."""
    return bool(event.file) and event.sound_s >= SOUND_S


def recorded(turn: Turn, event: Recorded) -> None:
    """The recording has ended. A silent one is none: it is asked for again, then the call counts as missed."""
    if not is_over(turn, event):
        return
    silent = not has_sound(event)
    if event.ended == "gone":
        turn.drop(turn.customer)
    if not turn.customer_is_here:
        if silent:
            turn.why("They rang off without a word: a missed call.")
            _missed(turn, "missed")
        else:
            turn.memory["kept"] = {"file": event.file, "seconds": event.seconds}
            keep(turn, "They rang off after speaking: the message is kept.")
    elif silent:
        if turn.memory["counts"]["message"] < 2:
            turn.say([turn.words("heard_nothing")], then="record")
        else:
            turn.why("Nothing was to be heard: a missed call.")
            _missed(turn, "missed")
    else:
        turn.memory["kept"] = {"file": event.file, "seconds": event.seconds}
        turn.go("review")


def never_came(turn: Turn) -> None:
    """The recording should have ended by now: it is ended, and if nothing comes of that either, the call was missed."""
    if stop(turn):
        return
    turn.why("What they said never came: a missed call.")
    turn.heard("")
    _missed(turn, "missed")


def stop(turn: Turn) -> bool:
    """End the recording that runs; False where that was ordered before, or none runs."""
    if turn.hears() != "recording" or turn.memory.get("stopped"):
        return False
    turn.memory["stopped"] = True
    turn.order(exchange.StopRecording(turn.customer, turn.memory["hears"]["name"]))
    turn.wait("recorded", 10)
    return True


def review(turn: Turn) -> None:
    """They hear what they said."""
    turn.stage = "review"
    played = Words("", turn.facts.line.language, turn.memory["kept"]["file"])
    keys = "123" if turn.memory["counts"]["message"] < TAKES else "13"
    turn.say([turn.words("you_said"), played, turn.words("review")], then="key", keys=keys)


def review_key(turn: Turn, digit: str) -> None:
    """1 keeps it, 2 says it again, 3 throws it away."""
    if digit == "1":
        keep(turn, "They keep it.")
    elif digit == "2" and turn.memory["counts"]["message"] < TAKES:
        turn.write("thrown_away", file=turn.memory.pop("kept")["file"])
        turn.stage = "message"
        turn.say([turn.words("speak_again")], then="record")
    elif digit == "3":
        turn.write("thrown_away", file=turn.memory.pop("kept")["file"])
        turn.why("They cancel it.")
        turn.finish("cancelled", turn.words("thrown_away"))


def keep(turn: Turn, why: str = "It is kept.") -> None:
    """The message is the company's: ticket, page and call-back follow."""
    turn.write("message", **turn.memory.pop("kept"), **what_goes_with(turn))
    turn.why(why)
    if "message_id" in turn.memory:
        turn.finish("message", turn.words("added"))
    else:
        turn.finish("message", _promised(turn, "kept"))


def _missed(turn: Turn, said: str) -> None:
    about = what_goes_with(turn)
    if keyed := turn.memory.pop("keyed_number", ""):
        about["number"] = keyed
    if said == "declined":
        about["declined"] = True
    turn.write("missed", **about)
    turn.finish("missed", _promised(turn, said))


def what_goes_with(turn: Turn) -> dict[str, object]:
    """What goes with a message: which one it is added to, whether the caller has heard of an outage, or waits for hours."""
    about: dict[str, object] = {}
    if "message_id" in turn.memory:
        about["message_id"] = turn.memory["message_id"]
    if turn.memory.get("heard"):
        about["heard"] = True
    if turn.memory.get("other"):
        about["other"] = True
    if turn.memory.get("for_later"):
        about["for_later"] = True
    return about


def _promised(turn: Turn, said: str) -> Words:
    """When they are rung back at the latest; by their own choice, when it is looked at."""
    facts = turn.facts
    if turn.memory.get("for_later") and facts.caller.answer_from is not None:
        return turn.words("for_later", when=wording.when(facts.caller.answer_from, facts))
    return turn.words(said, when=wording.until(facts.at + timedelta(seconds=facts.line.call_back_s), facts))


def pause(turn: Turn, *, go_on: bool) -> None:
    """A card number is being read out: nothing of it is kept."""
    if turn.hears() == "recording":
        turn.order(exchange.PauseRecording(turn.customer, turn.memory["hears"]["name"], go_on))
        turn.why("The recording goes on." if go_on else "The recording pauses.")
        if go_on:
            turn.forget("pause")
        else:
            turn.wait("pause", PAUSE_S)
