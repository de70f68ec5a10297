"""Open pages are read out to one of ours who rings in with a PIN, and acknowledged by key. Pure."""

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
    turn.stage = "read_out"
    turn.memory["done"] = []
    if not turn.facts.pages:
        turn.finish("read_out", *_on_duty(turn), turn.words("no_pages"), turn.words("that_was_all"))
        return
    _say_page(turn, first=True)


def _on_duty(turn: Turn) -> list[Words]:
    return [wording.plain(one, turn.facts) for one in turn.facts.on_duty]


def _say_page(turn: Turn, *, first: bool = False, acknowledged: bool = False) -> None:
    """The next page that was not read yet; the last one is followed by goodbye."""
    done = turn.memory["done"]
    said = [turn.words("page_yours")] if acknowledged else []
    page = next((page for page in turn.facts.pages if page.page_id not in done), None)
    if page is None:
        turn.finish("read_out", *said, *_on_duty(turn), turn.words("that_was_all"))
        return
    turn.memory["reads"] = page.page_id
    turn.memory["times_read"] = 0 if turn.memory.get("read_before") != page.page_id else turn.memory["times_read"]
    turn.memory["read_before"] = page.page_id
    count = len(done) + sum(1 for one in turn.facts.pages if one.page_id not in done)
    said.append(turn.words("page", number=len(done) + 1, count=count, says=page.says))
    if page.taken_by:
        said.append(turn.words("page_taken", name=page.taken_by))
    said.append(turn.words("page_keys"))
    turn.say(said, then="key", keys="123#")
    if first:
        turn.why(f"{count} open pages are read out.")


READ_AT_MOST = 3


def key(turn: Turn, digit: str) -> None:
    """1 takes it, 2 the next, 3 again, hash ends."""
    page_id = turn.memory.get("reads", "")
    if digit == "1":
        turn.write("acknowledge", page_id=page_id)
        turn.why("They take the page.")
        turn.memory["done"].append(page_id)
        _say_page(turn, acknowledged=True)
    elif digit == "2":
        silent(turn)
    elif digit == "3" and turn.memory.get("times_read", 0) < READ_AT_MOST:
        turn.memory["times_read"] = turn.memory.get("times_read", 0) + 1
        _say_page(turn)
    elif digit == "#":
        turn.finish("read_out", turn.words("that_was_all"))


def silent(turn: Turn) -> None:
    """On to the next."""
    turn.memory["done"].append(turn.memory.get("reads", ""))
    _say_page(turn)
