"""The verbs of what is set: lines, telephones, PINs, the operator's own recordings."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, time
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from phonenumbers import SUPPORTED_REGIONS

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import language as as_language
from nightdesk.base.fields import one_line
from nightdesk.base.files import keep_file
from nightdesk.base.refusals import Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.calls import line_queries
from nightdesk.calls.country_rules import enough_consent, trouble_with
from nightdesk.calls.divert_actions import plan_divert_check
from nightdesk.calls.models import CallerPin, Line, Recording, Telephone
from nightdesk.calls.pin_rules import LONGEST, is_weak, length_for
from nightdesk.calls.pins import lookup_of, lookups_of
from nightdesk.calls.translated import PROMPTS
from nightdesk.customers.models import Hours
from nightdesk.customers.queries import locked_contact
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.lines.audio import NotAudio, as_telephone_sound
from nightdesk.people.locking import lock_person
from nightdesk.people.models import Person, Skill
from nightdesk.people.numbers import e164
from nightdesk.people.queries import brands_of

LINE_SAVED = kind("calls.line-saved", gettext_lazy("{by} set up the phone line {name}"))
LINE_RETIRED = kind("calls.line-retired", gettext_lazy("{by} took the phone line {name} out of use"))
TELEPHONE_SAVED = kind("calls.telephone-saved", gettext_lazy("{by} set up the telephone {name}"))
TELEPHONE_REMOVED = kind("calls.telephone-removed", gettext_lazy("{by} removed the telephone {name}"))
PIN_SET = kind("calls.pin-set", gettext_lazy("{by} gave {name} a PIN for the phone line"))
PIN_CLEARED = kind("calls.pin-cleared", gettext_lazy("{by} took the PIN of {name} away"))
PROMPT_KEPT = kind("calls.prompt-kept", gettext_lazy("{by} recorded “{prompt}” for the phone line {name}"))
PROMPT_REMOVED = kind(
    "calls.prompt-removed", gettext_lazy("{by} took the recording “{prompt}” off the phone line {name}")
)

MENU_KEYS = "123456789"
TELEPHONE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class LineWanted:
    """A line as it shall be; see `models.Line` for what each means. Numbers may be written as people of `country` dial them.

    `menu` is [{"key": "1" to "9", "says", "skill": a skill's key or ""}]. `longest_hunt_s` None: `HUNTS_BEFORE_BUREAU_S` where
    there is a bureau's number, else `HUNTS_ALONE_S`.
    """

    name: str
    numbers: Sequence[str]
    shown_number: str
    pager_number: str
    staff_number: str = ""
    country: str = "GB"
    language: str = "en-gb"
    hours_id: int | None = None
    greeting: str = ""
    danger: str = ""
    menu: Sequence[Mapping[str, str]] = ()
    day_seats: Sequence[str] = ()
    night_seats: Sequence[str] = ()
    night: str = Line.Night.MESSAGE
    joins_s: Sequence[int] = (4, 8)
    ring_s: int = 25
    most_rung: int = 3
    longest_hunt_s: int | None = None
    bureau_number: str = ""
    own_desk: bool = False
    consent: str = Line.Consent.MAY_DECLINE
    call_back_s: int = 1800
    call_out_price: str = ""
    peer_skill_id: int | None = None
    keep_days: int = 90
    divert_check_at: time | None = None
    divert_from: str = ""


HUNTS_BEFORE_BUREAU_S, HUNTS_ALONE_S = 5, 120
"""How long callers are hunted for, where nothing else was said; the first is that of the simulated month."""
_RANGES: Mapping[str, tuple[int, int]] = {
    "ring_s": (10, 60),
    "most_rung": (1, 10),
    "longest_hunt_s": (4, 600),
    "call_back_s": (300, 14400),
    "keep_days": (1, 3650),
}
"""What a number of a line may be, both ends included."""


@transaction.atomic
def save_line(
    *, brand_id: int, line_id: int | None = None, wanted: LineWanted, by: Actor, via: Door, at: datetime
) -> Line:
    """A line of the brand is as wanted, new or changed, and in use; one that was retired is taken up again.

    Raises Forbidden, NotFound (the line, hours, a seat or a skill is none of the brand's) and Invalid, which says what: a
    number that is no number or on two lines, one shown that does not come back to us or may not be shown in that country, times
    that make no sense, a consent that is too little there.
    """
    require(by, "save_line", brand_id)
    line = _line(line_id, brand_id) if line_id is not None else Line(brand_id=brand_id)
    for name, value in _checked(brand_id, wanted).items():
        setattr(line, name, value)
    line.active = True
    _keep_numbers_apart(line)
    _comes_home(line)
    with unless_taken(
        _("A phone line {name} was to be kept.").format(name=line.name),
        _("The brand has one of this name."),
        _("Change that one."),
    ):
        if line.pk is None:
            line.save(force_insert=True)
        else:
            line.save(update_fields=[*(each.name for each in fields(wanted)), "active"])
    plan_divert_check(line_id=line.pk, by=by, via=via, at=at)
    _entry(LINE_SAVED, line, by, via, at, numbers=list(line.numbers))
    return line


@transaction.atomic
def retire_line(*, line_id: int, by: Actor, via: Door, at: datetime) -> Line:
    """Nobody is answered on it any more and its numbers are free; its calls stay. Repeating it changes nothing.

    Calls that are on it end as they would have. Raises Forbidden, NotFound.
    """
    line = _line(line_id)
    require(by, "retire_line", line.brand_id)
    if line.active:
        line.active = False
        line.save(update_fields=["active"])
        plan_divert_check(line_id=line.pk, by=by, via=via, at=at)
        _entry(LINE_RETIRED, line, by, via, at)
    return line


@transaction.atomic
def save_telephone(
    *,
    brand_id: int,
    telephone_id: int | None = None,
    name: str,
    label: str = "",
    person_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Telephone:
    """A telephone that registers with our exchange under `name` rings for the person; for whoever is in the room, without one.

    Raises Forbidden, NotFound, Invalid (a name that an exchange cannot have, or that another telephone has).
    """
    require(by, "save_telephone", brand_id)
    phone = _telephone(telephone_id) if telephone_id is not None else Telephone(brand_id=brand_id)
    if phone.brand_id != brand_id:
        raise _no_telephone(telephone_id)
    asked = _("A telephone {name} was to be kept.").format(name=name.strip()[:40])
    phone.name = name.strip()
    if not TELEPHONE_NAME.fullmatch(phone.name):
        raise Invalid(
            asked,
            _("An exchange wants a short name of small letters, digits and dashes."),
            _("Write one such as amara-desk."),
        )
    phone.label = one_line(label, 60, _("label"), may_be_empty=True)
    phone.person = _person_of(brand_id, person_id) if person_id is not None else None
    with unless_taken(asked, _("Another telephone has this name."), _("Choose another, as it is set in the exchange.")):
        if phone.pk is None:
            phone.save(force_insert=True)
        else:
            phone.save(update_fields=["name", "label", "person"])
    _entry(TELEPHONE_SAVED, phone, by, via, at, whose=phone.person.name if phone.person else "")
    return phone


@transaction.atomic
def remove_telephone(*, telephone_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is rung no more. Repeating it changes nothing. Raises Forbidden."""
    phone = Telephone.objects.select_for_update().filter(pk=telephone_id).first()
    if phone is None:
        if brands_for(by, "remove_telephone") == set():
            raise forbidden(by, "remove_telephone")
        return
    require(by, "remove_telephone", phone.brand_id)
    _entry(TELEPHONE_REMOVED, phone, by, via, at)
    phone.delete()


@transaction.atomic
def set_pin(
    *,
    contact_id: int | None = None,
    person_id: int | None = None,
    pin: str = "",
    by: Actor,
    via: Door,
    at: datetime,
) -> tuple[CallerPin, str]:
    """The contact, or the member of staff, has this PIN, or one that we make ("" for `pin`); an earlier one is worth nothing.

    Comes back with the digits, which are shown this once and kept nowhere. Everybody may set their own. Raises Forbidden,
    NotFound, Invalid (no digits, too short, easily guessed, or somebody else's).
    """
    whose, brand_id, name = _whose_pin(contact_id, person_id, "set_pin", by)
    known = CallerPin.objects.filter(brand=brand_id).exclude(**whose).count()
    digits = _good_pin(pin, length_for(known)) if pin else _new_pin(brand_id, length_for(known))
    CallerPin.objects.filter(**whose).delete()
    row = CallerPin(brand_id=brand_id, lookup=lookup_of(digits), set_at=at, **whose)
    # It must not be said that somebody has this very PIN: whoever hears that could ring as them.
    told = (_("A PIN was given."), _("It is too easy to guess."), _("Take another, or have one made."))
    if CallerPin.objects.filter(brand=brand_id, lookup__in=lookups_of(digits)).exists():
        raise Invalid(*told)  # perhaps set under an older master key, where the constraint does not see it
    with unless_taken(*told):
        row.save(force_insert=True)
    _record_pin(PIN_SET, whose, brand_id, name, by, via, at)
    return row, digits


@transaction.atomic
def clear_pin(
    *, contact_id: int | None = None, person_id: int | None = None, by: Actor, via: Door, at: datetime
) -> None:
    """Nobody rings as them by a PIN any more. Repeating it changes nothing. Raises Forbidden, NotFound."""
    whose, brand_id, name = _whose_pin(contact_id, person_id, "clear_pin", by)
    gone, _rows = CallerPin.objects.filter(**whose).delete()
    if gone:
        _record_pin(PIN_CLEARED, whose, brand_id, name, by, via, at)


@transaction.atomic
def keep_prompt(*, line_id: int, prompt: str, content: bytes, by: Actor, via: Door, at: datetime) -> Recording:
    """Callers of the line hear this recording where they heard the text `prompt` spoken, or an earlier recording.

    `content` is any audio that sox reads; it is kept as telephones carry it. Raises Forbidden, NotFound, Invalid (no such
    text, no audio, too large or too long).
    """
    line = _line(line_id)
    require(by, "keep_prompt", line.brand_id)
    asked = _("A recording of “{prompt}” was given.").format(prompt=prompt[:40])
    if prompt not in PROMPTS:
        raise Invalid(asked, _("Callers of this line hear no text of that name."), _("Choose one of those listed."))
    try:
        sound = as_telephone_sound(content)
    except NotAudio as bad:
        raise Invalid(asked, str(bad), _("Record it anew, or save it as WAV.")) from bad
    kept = Recording(
        brand_id=line.brand_id,
        kind=Recording.Kind.PROMPT,
        digest=keep_file(sound.wav),
        seconds=round(sound.seconds, 2),
        made_at=at,
    )
    kept.save(force_insert=True)
    _drop_prompt(line, prompt, at)
    line.prompts = line.prompts | {prompt: str(kept.pk)}
    line.save(update_fields=["prompts"])
    _entry(PROMPT_KEPT, line, by, via, at, prompt=prompt, seconds=kept.seconds)
    return kept


@transaction.atomic
def remove_prompt(*, line_id: int, prompt: str, by: Actor, via: Door, at: datetime) -> Line:
    """The text is spoken again. Repeating it changes nothing. Raises Forbidden, NotFound."""
    line = _line(line_id)
    require(by, "remove_prompt", line.brand_id)
    if prompt in line.prompts:
        _drop_prompt(line, prompt, at)
        line.prompts = {name: kept for name, kept in line.prompts.items() if name != prompt}
        line.save(update_fields=["prompts"])
        _entry(PROMPT_REMOVED, line, by, via, at, prompt=prompt)
    return line


# --- What a line must be ---------------------------------------------------------------------------------------------


def _checked(brand_id: int, wanted: LineWanted) -> dict[str, Any]:
    """The columns, each in the form in which it is kept."""
    values = {each.name: getattr(wanted, each.name) for each in fields(wanted)}
    country = wanted.country.strip().upper()
    asked = _("The phone line {name} was to be kept.").format(name=wanted.name.strip()[:40])
    if country not in SUPPORTED_REGIONS:
        raise Invalid(asked, _("{country} is no country.").format(country=wanted.country[:10]), _("Write it as in GB."))
    numbers = list(dict.fromkeys(e164(number, country) for number in wanted.numbers if number.strip()))
    if not numbers:
        raise Invalid(asked, _("It has no number that callers ring."), _("Write at least one."))
    values |= {
        "name": one_line(wanted.name, 80, _("name")),
        "country": country,
        "language": as_language(wanted.language),
        "numbers": numbers,
        "greeting": one_line(wanted.greeting, 500, _("greeting"), may_be_empty=True),
        "danger": one_line(wanted.danger, 200, _("words about danger"), may_be_empty=True),
        "call_out_price": one_line(wanted.call_out_price, 60, _("price"), may_be_empty=True),
        "day_seats": _seats(brand_id, wanted.day_seats),
        "night_seats": _seats(brand_id, wanted.night_seats),
        "joins_s": _joins(asked, wanted.joins_s),
        "menu": _menu(asked, brand_id, wanted.menu),
    }
    for name in ("shown_number", "pager_number", "staff_number", "bureau_number", "divert_from"):
        values[name] = e164(values[name], country) if values[name].strip() else ""
    if wanted.longest_hunt_s is None:
        values["longest_hunt_s"] = HUNTS_BEFORE_BUREAU_S if values["bureau_number"] else HUNTS_ALONE_S
    _may_be_shown(asked, values)
    if wanted.night not in Line.Night.values:
        raise Invalid(asked, _("There is no such way through the night."), _("Choose message or live."))
    if wanted.consent not in Line.Consent.values:
        raise Invalid(asked, _("There is no such way to ask."), _("Choose told, may_decline or asked."))
    if not enough_consent(wanted.consent, country):  # type: ignore[arg-type]
        raise Invalid(
            asked,
            _("In {country} callers must be asked before they are recorded.").format(country=country),
            _("Choose “asked”."),
        )
    for name, (least, most) in _RANGES.items():
        if not least <= values[name] <= most:
            text = _("{name} must be from {least} to {most}.").format(name=name, least=least, most=most)
            raise Invalid(asked, text, _("Write a number between them."))
    values["hours_id"] = _own(Hours, wanted.hours_id, brand_id)
    values["peer_skill_id"] = _own(Skill, wanted.peer_skill_id, brand_id, shared=True)
    if wanted.divert_check_at is not None and not values["divert_from"]:
        raise Invalid(
            asked,
            _("It is to be rung from outside each evening, and no number is known to ring from."),
            _("Write the number of your second provider, or leave the time out."),
        )
    return values


def _may_be_shown(asked: str, values: Mapping[str, Any]) -> None:
    """What other people's telephones show: there, something that rings back, and allowed in the country."""
    for name, what in (("shown_number", _("callers see")), ("pager_number", _("engineers see"))):
        number = values[name]
        if not number:
            raise Invalid(
                asked, _("It has no number that {whom}.").format(whom=what), _("Write one that comes back to you.")
            )
        trouble = trouble_with(number, values["country"])
        if trouble == "costly":
            text = _("{number} may not be shown: it costs whoever rings it back.").format(number=number)
            raise Invalid(asked, text, _("Show an ordinary number of yours."))
        if trouble == "foreign":
            text = _("From {country} only a number of that country may be shown, and {number} is none.")
            text = text.format(country=values["country"], number=number)
            raise Invalid(asked, text, _("Show one of your numbers there."))


def _joins(asked: str, joins_s: Sequence[int]) -> list[int]:
    joins = [int(second) for second in joins_s]
    rising = all(before < after for before, after in pairwise(joins))
    if not joins or not rising or joins[0] < 0 or joins[-1] > 60 or len(joins) > 6:
        raise Invalid(
            asked,
            _("Telephones join at seconds that rise, up to 60 and at most six of them."),
            _("Write, for example, 4 and 8: the second after 4 seconds, all after 8."),
        )
    return joins


def _menu(asked: str, brand_id: int, menu: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """One level: each key once, with what it says, and the skill that it leads to."""
    chosen: list[dict[str, str]] = []
    for each in menu:
        key, says, skill = (str(each.get(name, "")).strip() for name in ("key", "says", "skill"))
        if len(key) != 1 or key not in MENU_KEYS or any(key == other["key"] for other in chosen):
            raise Invalid(
                asked,
                _("The key {key} cannot be used, or is used twice.").format(key=key[:5] or "?"),
                _("Use each of 1 to 9 once."),
            )
        if skill and not line_queries.skills_of(brand_id).filter(key=skill).exists():
            raise NotFound(asked, _("There is no skill {key}.").format(key=skill[:40]), _("Choose one that is listed."))
        chosen.append({"key": key, "says": one_line(says, 120, _("menu's words")), "skill": skill})
    return chosen


def _seats(brand_id: int, keys: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(key.strip() for key in keys if key.strip()))
    known = set(line_queries.seats_of(brand_id).filter(key__in=wanted).values_list("key", flat=True))
    for key in wanted:
        if key not in known:
            raise NotFound(
                _("A phone line is to ring the seat {key}.").format(key=key[:60]),
                _("Nobody can have it: the brand's rotas have no such seat."),
                _("Choose one that is listed."),
            )
    return wanted


def _keep_numbers_apart(line: Line) -> None:
    """No number stands on two lines in use, and none twice on this one. Raises Invalid."""
    own = [*line.numbers, *([line.staff_number] if line.staff_number else [])]
    asked = _("The phone line {name} was to be kept.").format(name=line.name)
    if len(set(own)) < len(own):
        raise Invalid(
            asked, _("Its staff number is one that callers ring, too."), _("Give staff a number of their own.")
        )
    with connection.cursor() as cursor:
        # Two lines that are saved at once see each other only one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('calls.numbers'))")
    for number in own:
        other = line_queries.line_of_number(number, besides=line.pk)
        if other is not None:
            raise Invalid(
                asked,
                _("{number} is on the line {other}.").format(number=number, other=other.name),
                _("A number belongs to one line: take it off the other first."),
            )


def _comes_home(line: Line) -> None:
    """Whoever rings the shown number back reaches a line of the same brand. Raises Invalid."""
    other = line_queries.line_of_number(line.shown_number, besides=line.pk)
    if line.shown_number in line.numbers or (other is not None and other.brand_id == line.brand_id):
        return
    raise Invalid(
        _("The phone line {name} was to be kept.").format(name=line.name),
        _(
            "{number} is shown to callers, and is on no line of the brand: who rings it back would not reach you."
        ).format(number=line.shown_number),
        _("Show a number of this line, or of another one of the brand."),
    )


def _own(model: Any, row_id: int | None, brand_id: int, *, shared: bool = False) -> int | None:
    """The id, if the row is the brand's (`shared`: or everybody's). Raises NotFound."""
    if row_id is None:
        return None
    row = model.objects.filter(id=row_id).first()
    if row is None or not (row.brand_id == brand_id or (shared and row.brand_id is None)):
        raise NotFound(
            _("A phone line names a {what}.").format(what=model._meta.verbose_name),
            _("The brand has none with this id."),
            _("Choose one of its own."),
        )
    return row_id


# --- PINs ------------------------------------------------------------------------------------------------------------


def _whose_pin(contact_id: int | None, person_id: int | None, verb: str, by: Actor) -> tuple[dict[str, int], int, str]:
    """Whose it is as columns, the brand in which it counts, and their name; they are locked."""
    if (contact_id is None) == (person_id is None):
        raise Invalid(
            _("A PIN was to be set."), _("It must be one person's."), _("Name a contact or somebody of staff.")
        )
    if contact_id is not None:
        contact = locked_contact(contact_id, by, verb)
        return {"contact_id": contact.pk}, contact.customer.brand_id, contact.name
    person = lock_person(person_id or 0, by, verb, own=True)
    return {"person_id": person.pk}, _brand_of_staff(person), person.name


def _brand_of_staff(person: Person) -> int:
    """The brand in whose lines somebody's PIN counts: the first of those that they work for."""
    mine = {brand for brand in brands_of(person) if brand is not None}
    first = Brand.objects.filter(id__in=mine).order_by("id").first() or Brand.objects.order_by("id").first()
    if first is None:
        raise NotFound(_("A PIN was to be set."), _("There is no brand."), _("Set one up first."))
    return first.pk


def _good_pin(pin: str, least: int) -> str:
    digits = "".join(pin.split())
    asked = _("A PIN was given.")
    if not (digits.isascii() and digits.isdecimal()) or not least <= len(digits) <= LONGEST:
        raise Invalid(
            asked,
            _("It must have {least} to {most} digits, and nothing else.").format(least=least, most=LONGEST),
            _("Choose one, or leave it out and have one made."),
        )
    if is_weak(digits):
        raise Invalid(asked, _("It is too easy to guess."), _("Take another, or have one made."))
    return digits


def _new_pin(brand_id: int, length: int) -> str:
    """Digits that nobody guesses first, and nobody of the brand has."""
    while True:
        digits = "".join(secrets.choice("0123456789") for _digit in range(length))
        if not is_weak(digits) and not CallerPin.objects.filter(brand=brand_id, lookup__in=lookups_of(digits)).exists():
            return digits


def _record_pin(
    what: str, whose: Mapping[str, int], brand_id: int, name: str, by: Actor, via: Door, at: datetime
) -> None:
    column, row_id = next(iter(whose.items()))
    subject = (column.removesuffix("_id"), row_id)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=brand_id, facts={"name": name})


# --- Rows ------------------------------------------------------------------------------------------------------------


def _line(line_id: int, brand_id: int | None = None) -> Line:
    line = Line.objects.select_for_update().filter(pk=line_id).first()
    if line is None or brand_id not in (None, line.brand_id):
        raise NotFound(
            _("The phone line {id} was asked for.").format(id=line_id), _("There is none."), _("Look at the list.")
        )
    return line


def _telephone(telephone_id: int) -> Telephone:
    phone = Telephone.objects.select_for_update().filter(pk=telephone_id).first()
    if phone is None:
        raise _no_telephone(telephone_id)
    return phone


def _no_telephone(telephone_id: int | None) -> NotFound:
    return NotFound(
        _("The telephone {id} was asked for.").format(id=telephone_id), _("There is none."), _("Look at the list.")
    )


def _person_of(brand_id: int, person_id: int) -> Person:
    person = Person.objects.filter(pk=person_id, active=True).first()
    if person is None or not (brands_of(person) or {None}) & {brand_id, None}:
        raise NotFound(
            _("A telephone is to be {id}'s.").format(id=person_id),
            _("Nobody of the brand's active staff has this id."),
            _("Choose one of its people."),
        )
    return person


def _drop_prompt(line: Line, prompt: str, at: datetime) -> None:
    """The recording that stood there is thrown away by the keeper of recordings."""
    known = line.prompts.get(prompt)
    if known is not None:
        Recording.objects.filter(pk=UUID(known), delete_at=None).update(delete_at=at)


def _entry(what: str, row: Line | Telephone, by: Actor, via: Door, at: datetime, **facts: Any) -> None:
    subject = ("line" if isinstance(row, Line) else "telephone", row.pk)
    record(what, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts={"name": row.name} | facts)
