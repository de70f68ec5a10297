"""Several messages to one reader by one channel, put into one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from nightdesk.channels import sms_text
from nightdesk.channels.driver import Said

CHANNELS = ("email", "sms")
"""By these a reader gets several as one; a push takes the place of an older one, and a program reads one by one."""
LONGEST_TITLE = 200


def joined(channel: str, said: Sequence[Said]) -> Said:
    """What the reader gets in place of all of these, in that order: under the first one's name, with nothing left out."""
    first = said[0]
    if len(said) == 1:
        return first
    bodies = [one.body.strip() for one in said]
    return replace(
        first,
        title=_headed(list(dict.fromkeys(one.title for one in said if one.title)), "; ")[:LONGEST_TITLE],
        body=_headed(bodies, "\n") if channel == "sms" else _footed(bodies, "\n\n* * *\n\n"),
    )


def how_many_fit(said: Sequence[Said], most_parts: int, codings: Sequence[Callable[[str], sms_text.Coding]]) -> int:
    """How many of these texts one text of `most_parts` holds whole, however it is coded; the first goes whatever its length."""
    count = 1
    while count < len(said):
        text = joined("sms", said[: count + 1]).body
        if any(sms_text.count(text, coding).parts > most_parts for coding in codings):
            break
        count += 1
    return count


def _headed(texts: Sequence[str], between: str) -> str:
    """The texts; a name that stands before all of them ("Quayside: ...") is said once."""
    heads = {text.partition(": ")[0] if ": " in text else None for text in texts}
    if len(texts) > 1 and len(heads) == 1 and (head := heads.pop()):
        return f"{head}: {between.join(text.removeprefix(f'{head}: ') for text in texts)}"
    return between.join(texts)


def _footed(texts: Sequence[str], between: str) -> str:
    """The texts; a last paragraph that all of them have (how to unsubscribe) is said once."""
    cut = [text.rpartition("\n\n") for text in texts]
    feet = {foot for _text, _blank, foot in cut}
    if len(feet) > 1 or not all(text for text, _blank, _foot in cut):
        return between.join(texts)
    return "\n\n".join([between.join(text for text, _blank, _foot in cut), feet.pop()])
