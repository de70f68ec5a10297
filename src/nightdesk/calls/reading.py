"""Open pages are read out to one of ours who rings in with a PIN, and acknowledged by key; a note is left by key. Pure."""

from nightdesk.calls import wording
from nightdesk.calls.turn import Turn
from nightdesk.lines.exchange import Words


def read_out(turn: Turn) -> None:
    """A number can be feigned: only a PIN opens what is read."""
    if turn.facts.caller.known_by != "pin":
        if turn.memory.get("asked_pin"):
            turn.finish("refused", turn.words("goodbye"))
            return
        turn.memory["reads_out"] = True
        turn.go("pin", "What is open is read only to whoever has a PIN.")
        return
    turn.memory["done"] = []
    if turn.facts.pages:
        turn.why(f"{len(turn.facts.pages)} open pages are read out.")
    _say_page(turn, () if turn.facts.pages else ("no_pages",))


def go_on(turn: Turn, first: str) -> None:
    """A note is over, which the text of that name says: on with the page that was read before it."""
    _say_page(turn, (first,))


def _say_page(turn: Turn, first: tuple[str, ...] = ()) -> None:
    """The next page that was not read yet, after what comes first; after the last one a note may be left still."""
    turn.stage = "read_out"
    done = turn.memory["done"]
    said = [turn.words(name) for name in first]
    page = next((page for page in turn.facts.pages if page.page_id not in done), None)
    if page is None:
        _say_end(turn, said)
        return
    turn.memory["reads"] = page.page_id
    turn.memory["times_read"] = 0 if turn.memory.get("read_before") != page.page_id else turn.memory["times_read"]
    turn.memory["read_before"] = page.page_id
    count = len(done) + sum(1 for one in turn.facts.pages if one.page_id not in done)
    said.append(turn.words("page", number=len(done) + 1, count=count, says=page.says))
    if page.taken_by:
        said.append(turn.words("page_taken", name=page.taken_by))
    said.append(turn.words("page_keys"))
    if turn.facts.may_note:
        said.append(turn.words("note_key"))
    turn.say(said, then="key", keys="1234#" if turn.facts.may_note else "123#")


def _say_end(turn: Turn, said: list[Words]) -> None:
    """Who is on duty, once; a note may follow, and another one."""
    turn.memory["reads"] = ""
    if not turn.memory.get("said_duty"):
        turn.memory["said_duty"] = True
        said = [*said, *(wording.on_duty(one, turn.facts) for one in turn.facts.on_duty)]
    if turn.facts.may_note:
        turn.say([*said, turn.words("note_key")], then="key", keys="4#")
    else:
        turn.finish("read_out", *said, turn.words("that_was_all"))


READ_AT_MOST = 3


def key(turn: Turn, digit: str) -> None:
    """1 takes it, 2 the next, 3 again, 4 leaves a note, hash ends; after the last page 4 and hash."""
    page_id = turn.memory.get("reads", "")
    if digit == "4" and turn.facts.may_note:
        turn.go("note", "They leave a note for the journal.")
    elif digit == "#":
        turn.finish("read_out", turn.words("that_was_all"))
    elif not page_id:
        turn.why("That key means nothing here.")
    elif digit == "1":
        turn.write("acknowledge", page_id=page_id)
        turn.why("They take the page.")
        turn.memory["done"].append(page_id)
        _say_page(turn, ("page_yours",))
    elif digit == "2":
        silent(turn)
    elif digit == "3" and turn.memory.get("times_read", 0) < READ_AT_MOST:
        turn.memory["times_read"] = turn.memory.get("times_read", 0) + 1
        _say_page(turn)


def silent(turn: Turn) -> None:
    """On to the next; after the last one goodbye."""
    if page_id := turn.memory.get("reads", ""):
        turn.memory["done"].append(page_id)
        _say_page(turn)
    else:
        turn.finish("read_out", turn.words("that_was_all"))
