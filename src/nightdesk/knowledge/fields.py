"""What people fill in here, in the form in which it is kept. Each function returns that form or raises a refusal."""

import unicodedata
from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid, NotFound, Refusal
from nightdesk.customers.models import Service
from nightdesk.knowledge.fitting import names_nothing
from nightdesk.knowledge.markdown import MOST, steps_of
from nightdesk.knowledge.models import CALL_KINDS, CallKind
from nightdesk.people.models import Person, Team

MOST_STEPS = 200


class ChangedMeanwhile(Refusal):
    """Somebody else has saved since it was read; what they wrote must not be lost unseen."""

    code = "changed-meanwhile"
    status = 409
    title = "Somebody else has changed it meanwhile"


class NotYours(Refusal):
    """It has an owner, and only they or a manager may do that."""

    code = "not-yours"
    status = 403
    title = "It has an owner, and that is not you"


class BadTemplate(Refusal):
    """A text holds a placeholder that nobody could fill in."""

    code = "bad-template"
    status = 422
    title = "That text cannot be a template"


def several_lines(text: str, most: int, what: str) -> str:
    """A text of 1 to `most` characters with its line breaks, and no other control characters but tabs."""
    kept = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n").rstrip()
    asked = _("The %(what)s was given.") % {"what": what}
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in kept):
        raise Invalid(asked, _("It has a control character in it."), _("Take it out."))
    if len(kept) > most:
        raise Invalid(asked, _("It has more than %d characters.") % most, _("Shorten it."))
    if not kept.strip():
        raise Invalid(_("No %s was given.") % what, _("It must have one."), _("Write it."))
    return kept


def body(text: str) -> str:
    """The Markdown of a procedure or briefing."""
    kept = several_lines(text, MOST, _("text"))
    if len(steps_of(kept)) > MOST_STEPS:
        raise Invalid(
            _("The text was given."),
            _("It has more than %d check-steps.") % MOST_STEPS,
            _("Make two procedures of it."),
        )
    return kept


def services_of(brand_id: int, ids: Collection[int], asked: str) -> list[Service]:
    """The brand's services with these ids. Raises NotFound where one is not there."""
    found = list(Service.objects.filter(brand_id=brand_id, id__in=ids))
    if len(found) != len(set(ids)):
        raise NotFound(asked, _("The brand has no such service."), _("Choose one of its own."))
    return found


def calls_of(brand_id: int, keys: Sequence[str], asked: str) -> list[str]:
    """Kinds of call that the brand has, each once and in order. Raises Invalid for another."""
    own = CallKind.objects.filter(brand_id=brand_id, key__in=keys).values_list("key", flat=True)
    known = {*CALL_KINDS, *own}
    if unknown := [key for key in keys if key not in known]:
        raise Invalid(
            asked, _("%r is no kind of call.") % unknown[0][:40], _("Choose one of the list, or add it there.")
        )
    return sorted(set(keys))


def part_of(pattern: str, asked: str) -> str:
    """A machine or part as alarms name it, or "" for any."""
    kept = " ".join(pattern.split())[:200]
    if names_nothing(kept):
        raise Invalid(asked, _("%r could be anything.") % kept, _("Write more of the name, or leave it empty."))
    return kept


def active_person(person_id: int | None, asked: str) -> Person | None:
    """The person with this id, who must be on the staff list; None for None. Raises NotFound."""
    if person_id is None:
        return None
    found = Person.objects.filter(id=person_id, active=True).first()
    if found is None:
        raise NotFound(asked, _("There is no such active person."), _("Choose somebody else."))
    return found


def teams_of(brand_id: int, ids: Collection[int], asked: str) -> list[Team]:
    """The brand's teams with these ids. Raises NotFound where one is not there."""
    found = list(Team.objects.filter(brand_id=brand_id, id__in=ids))
    if len(found) != len(set(ids)):
        raise NotFound(asked, _("The brand has no such team."), _("Choose one of its own."))
    return found
