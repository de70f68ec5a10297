"""What a country asks of a phone line: which numbers it may show, and how a caller is asked about being recorded. Data.

As far as we know them, and no advice in law: Ofcom's General Condition C6 and its CLI guidance (GB), section 120 TKG and
section 201 StGB (DE), section 120 StGB (AT), article 179bis StGB (CH), Arcep 2022-1583 (FR). A country that is not named
here has no rule of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Consent: TypeAlias = Literal["told", "may_decline", "asked"]
CONSENTS: tuple[Consent, ...] = ("told", "may_decline", "asked")
"""How a caller is asked before they are recorded, the least first."""
Trouble: TypeAlias = Literal["", "costly", "foreign"]


@dataclass(frozen=True, slots=True)
class Country:
    """`prefix` begins its numbers in E.164. `costly` are beginnings of numbers that cost whoever rings them back, `own`: only its
    own numbers are shown. `consent` is the least that a caller is asked; `emergency` whom to ring in danger.
    """

    prefix: str
    costly: tuple[str, ...] = ()
    own: bool = False
    consent: Consent = "told"
    emergency: str = "112"


COUNTRIES: Mapping[str, Country] = {
    "GB": Country("+44", costly=("+449", "+4484", "+4487"), emergency="999 or 112"),
    "IE": Country("+353", costly=("+35315",), emergency="999 or 112"),
    "DE": Country("+49", costly=("+49900", "+49137", "+49118"), own=True, consent="asked"),
    "AT": Country("+43", costly=("+4390", "+4393"), own=True, consent="asked"),
    "CH": Country("+41", costly=("+4190",), consent="asked", emergency="117, 118 or 144"),
    "FR": Country("+33", costly=("+338",), own=True),
    "NL": Country("+31", costly=("+3190",)),
    "BE": Country("+32", costly=("+3290",)),
    "ES": Country("+34", costly=("+3480", "+34905")),
    "SE": Country("+46", costly=("+46900", "+46939", "+46944")),
}
NOT_KNOWN = Country("+")


def rules_of(country: str) -> Country:
    """The country's rules, by ISO 3166-1; those of one that we know nothing of let everything pass."""
    return COUNTRIES.get(country, NOT_KNOWN)


def trouble_with(number: str, country: str) -> Trouble:
    """Why a call from `country` may not show the E.164 `number`: it costs whoever rings it back, or is another country's."""
    rules = rules_of(country)
    if any(number.startswith(start) for each in COUNTRIES.values() for start in each.costly):
        return "costly"
    return "foreign" if rules.own and not number.startswith(rules.prefix) else ""


def enough_consent(consent: Consent, country: str) -> bool:
    """Whether asking like that is what the country wants, or more."""
    return CONSENTS.index(consent) >= CONSENTS.index(rules_of(country).consent)
