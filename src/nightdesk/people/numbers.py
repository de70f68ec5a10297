"""Phone numbers: kept as E.164 (+442079460000), shown the way people at the reader's place write them."""

import re

from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

from nightdesk.base.refusals import Invalid

# A letter would be read as a key of the phone ("FLOWERS"), and of a sentence the first number would be taken.
_LETTERS = re.compile(r"[^\W\d_]")
_EXTENSION = re.compile(r"(?:;ext=|#|\b(?:ext|extn|extension|x)\.?)\s*\d+\s*$", re.IGNORECASE)

_REFUSALS = {
    ValidationResult.TOO_SHORT: "It is too short; emergency and short numbers cannot be kept.",
    ValidationResult.TOO_LONG: "It is too long for a phone number.",
    ValidationResult.INVALID_LENGTH: "No phone number there has this length.",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The area code is missing.",
}


class BadNumber(Invalid):
    """A phone number that cannot be rung as it stands."""

    code = "phone-number-not-usable"
    title = "That phone number cannot be rung"


def e164(text: str, region: str) -> str:
    """The number in E.164; `region` (ISO 3166-1, e.g. "GB") says how one without + or 00 is dialled.

    Whether the number is in use is not asked: numbering plans grow faster than any table of them. Raises BadNumber for
    what cannot be a full number, for one with an extension, and for letters; ValueError for an unknown region.
    """
    return format_number(_parsed(text, region), PhoneNumberFormat.E164)


def display(number: str, region: str) -> str:
    """The E.164 `number` as a reader in `region` dials it: 020 7946 0000 at home, +44 20 7946 0000 from abroad.

    Home is where the national form leads to this number: Jersey for a number in London, too. Raises as `e164` does.
    """
    parsed = _parsed(number, region)
    at_home = format_number(parsed, PhoneNumberFormat.NATIONAL)
    try:
        if parse(at_home, region) == parsed:
            return at_home
    except NumberParseException:  # dialled here, it would lead to no country at all
        pass
    return format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def _parsed(text: str, region: str) -> PhoneNumber:
    if region not in SUPPORTED_REGIONS:
        raise ValueError(f"a region is an ISO 3166-1 code such as GB, got {region!r}")
    what = f"The phone number {text[:40]!r} was given."
    bare = text.strip().removeprefix("tel:")
    if _EXTENSION.search(bare):
        raise BadNumber(what, "It has an extension.", "Give the number that rings by itself, without the extension.")
    if _LETTERS.search(bare):
        raise BadNumber(what, "It has letters in it.", "Give one number in digits, for example +44 20 7946 0000.")
    try:
        parsed = parse(bare, region)
    except NumberParseException as unreadable:
        raise BadNumber(
            what, "It cannot be read as a phone number.", "Give it with its country code, for example +44 20 7946 0000."
        ) from unreadable
    possible = is_possible_number_with_reason(parsed)
    if possible != ValidationResult.IS_POSSIBLE:
        raise BadNumber(
            what,
            _REFUSALS.get(possible, "There is no such country code."),
            "Give the full number with its country code, for example +44 20 7946 0000.",
        )
    if parse(format_number(parsed, PhoneNumberFormat.E164)) != parsed:
        raise BadNumber(
            what,
            "It can be read in two ways; it may have a zero too many.",
            "Give the full number with its country code, for example +44 20 7946 0000.",
        )
    return parsed
