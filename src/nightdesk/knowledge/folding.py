"""Words as they are searched: without case and accents, the same way when they are kept and when they are asked for."""

import re
import unicodedata


def folded(text: str) -> str:
    """The text without case and accents: "Straße, CAFÉ" is "strasse, cafe"."""
    # Taken apart first and last: what a letter is made of may be a capital, and a small letter may come apart again.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def as_query(text: str) -> str:
    """What PostgreSQL's `to_tsquery('simple', ...)` takes: every word of the text begins some word. "" where it has none."""
    words = re.findall(r"\w+", folded(text))[:20]
    return " & ".join(f"{word[:60]}:*" for word in words)
