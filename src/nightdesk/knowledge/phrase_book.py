"""In whose words an effect on a service is told: the service's own, else the brand's. Pure: the book is given."""

from collections.abc import Mapping
from dataclasses import dataclass

from nightdesk.knowledge.phrases import languages_to_try

PhraseKey = tuple[int | None, str, str]
"""(service, or None for those without words of their own; effect: reduced, degraded, down; language)."""


@dataclass(frozen=True, slots=True)
class Words:
    """What stops working, in the customer's words, where `{{ service }}` is what they call it; "" for no workaround.

    `service`: whose words they are; None: the brand's, or those that are built in.
    """

    text: str
    workaround: str = ""
    service: int | None = None
    language: str = ""


def words_in(book: Mapping[PhraseKey, tuple[str, str]], service: int, effect: str, language: str) -> Words | None:
    """The words for whoever reads `language`; None where the book has none that they could read.

    Each language is asked for the service's own words and then for the brand's, before the next language is tried: somebody
    who reads German would rather read that a service is not working in German than why in English.
    """
    for code in languages_to_try(language):
        for whose in (service, None):
            if found := book.get((whose, effect, code)):
                return Words(found[0], found[1], whose, code)
    return None
