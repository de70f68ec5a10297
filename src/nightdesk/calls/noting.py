"""One of ours who has rung in with a PIN speaks a note for the journal: a tone, and it stands there. Pure."""

from nightdesk.calls import reading, taking
from nightdesk.calls.turn import Turn
from nightdesk.lines.exchange import Recorded

TRIES = 2
"""How often a note may turn out silent before we go on without."""


def note(turn: Turn) -> None:
    """Say how, then record."""
    turn.stage = "note"
    turn.memory["notes_tried"] = 0
    turn.say([turn.words("speak_note")], then="record")


def recorded(turn: Turn, event: Recorded) -> None:
    """It has ended. One without sound is none, and is asked for again; whoever rings off after speaking has noted it."""
    if not taking.is_over(turn, event):
        return
    turn.memory["notes_tried"] += 1
    is_kept = taking.has_sound(event)
    if is_kept:
        turn.write("journal_note", file=event.file, seconds=event.seconds)
        turn.why("What they said stands in the journal.")
    if event.ended == "gone":
        turn.drop(turn.customer)
    if not turn.customer_is_here:
        turn.finish("read_out")
    elif is_kept or turn.memory["notes_tried"] >= TRIES:
        reading.go_on(turn, "note_kept" if is_kept else "note_empty")
    else:
        turn.say([turn.words("heard_nothing")], then="record")


def never_came(turn: Turn) -> None:
    """The recording should have ended by now: it is ended, and if nothing comes of that, nothing is noted."""
    if taking.stop(turn):
        return
    turn.heard("")
    turn.why("What they said never came: nothing is noted.")
    if turn.customer_is_here:
        reading.go_on(turn, "note_empty")
    else:
        turn.finish("read_out")
