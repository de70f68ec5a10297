"""What people fill in, in the form in which it is kept. Each function returns that form or raises Invalid."""

import unicodedata
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation.trans_real import language_code_re

from nightdesk.base.refusals import Invalid
from nightdesk.base.words import gettext as _


def one_line(text: str, most: int, what: str, *, may_be_empty: bool = False) -> str:
    """The text without spaces around it: one line of 1 to `most` characters. `what` says what it is, for the refusal."""
    kept = unicodedata.normalize("NFC", text).strip()
    asked = _("The %(what)s %(text)r was given.") % {"what": what, "text": kept[:40]}
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in kept):
        raise Invalid(asked, _("It has a control character in it."), _("Write it on one line."))
    if len(kept) > most:
        raise Invalid(asked, _("It has more than %d characters.") % most, _("Shorten it."))
    if not kept and not may_be_empty:
        raise Invalid(_("No %s was given.") % what, _("It must have one."), _("Write it."))
    return kept


def zone(name: str) -> str:
    """The IANA name of a time zone."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise Invalid(
            _("The time zone %r was given.") % name[:40],
            _("There is no zone of this name."),
            _("Give an IANA name, for example Europe/London."),
        ) from unknown


def language(code: str, *, may_be_empty: bool = False) -> str:
    """A language code in lower case: en-gb."""
    kept = code.strip().lower().replace("_", "-")
    if (may_be_empty and not kept) or (language_code_re.fullmatch(kept) and len(kept) <= 10):
        return kept
    raise Invalid(
        _("The language %r was given.") % code[:40], _("That is no language code."), _("Give one such as en-gb or de.")
    )


def email(address: str, *, may_be_empty: bool = False) -> str:
    """An e-mail address, its domain in lower case."""
    kept = address.strip()
    if may_be_empty and not kept:
        return kept
    try:
        validate_email(kept)
        if len(kept) > 254:
            raise ValidationError(kept)
    except ValidationError as bad:
        raise Invalid(
            _("The e-mail address %r was given.") % kept[:80],
            _("It is not one."),
            _("Give one address alone, for example noc@example.net."),
        ) from bad
    local, _at, domain = kept.rpartition("@")
    return f"{local}@{domain.lower()}"
