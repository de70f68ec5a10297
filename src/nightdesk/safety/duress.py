"""The duress word: said in an answer it means the opposite of what the answer says. Kept as a digest under a key of its own."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator

MOST_WORDS = 3
SHORTEST = 5
"""Letters that it must have: a word of everyday answers would raise an alarm by chance."""
LONGEST_TEXT = 40
"""Words of a message that are looked through."""
_TOKEN = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """In small letters, without accents and signs."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return _TOKEN.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


def digest(key: bytes, person_id: int, words: list[str]) -> bytes:
    """What is kept of these words; the same words of somebody else have another."""
    return hmac.new(key, f"{person_id}:{' '.join(words)}".encode(), hashlib.sha256).digest()


def is_said(key: bytes, person_id: int, kept: bytes, text: str) -> bool:
    """Whether the words that `kept` stands for are anywhere in `text`, next to each other."""
    runs = _runs(words_of(text)[:LONGEST_TEXT])
    # Every run is looked at, so that how long it takes says nothing.
    return sum(hmac.compare_digest(kept, digest(key, person_id, run)) for run in runs) > 0


def _runs(words: list[str]) -> Iterator[list[str]]:
    for size in range(1, MOST_WORDS + 1):
        for start in range(len(words) - size + 1):
            yield words[start : start + size]
