"""The verbs of sites, and of what is kept of a person for their safety: the duress word, and the badge of doors and trackers."""

from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import forbidden, require, verbs_in
from nightdesk.access.models import Brand
from nightdesk.base import vault
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.channels.answers import carrier_word, parse_answer
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.locking import lock_person, record_about
from nightdesk.people.numbers import e164
from nightdesk.safety import duress, queries
from nightdesk.safety.models import SafetyCard, Site

SITE_ADDED = kind("site.added", gettext_lazy("{by} entered the site {name}"))
SITE_EDITED = kind("site.edited", gettext_lazy("{by} changed the site {name}"))
SITE_RETIRED = kind("site.retired", gettext_lazy("{by} retired the site {name}"))
DURESS_SET = kind("safety.duress-set", gettext_lazy("{by} set a duress word"))
BADGE_SET = kind("safety.badge-set", gettext_lazy("{by} said which badge is {person}'s"))

LONGEST = 4000


class SiteFields(TypedDict, total=False):
    """What is said of a site; see `models.Site`."""

    name: str
    address: str
    map_url: str
    know: str
    access_notes: str
    assessment: str
    assessed_on: date | None
    review_on: date | None
    insurance: str
    security_name: str
    security_number: str
    needs_two: bool


@transaction.atomic
def add_site(*, brand_id: int, fields: SiteFields, by: Actor, via: Door, at: datetime) -> Site:
    """A place that can be visited; `name` and `address` are needed. Raises Forbidden, NotFound, Invalid."""
    require(by, "add_site", brand_id)
    asked = _("A site was to be entered.")
    for name in ("name", "address"):
        if not str(fields.get(name, "")).strip():
            raise Invalid(asked, _("Its name or its address is missing."), _("Give both."), field=name)
    brand = Brand.objects.filter(pk=brand_id).first()
    if brand is None:
        raise NotFound(asked, _("There is no such brand."), _("Look at the list."))
    row = Site(brand=brand)
    _put(row, fields, asked)
    with _one_a_name():
        row.save(force_insert=True)
    _record(SITE_ADDED, row, by, via, at)
    return row


@transaction.atomic
def edit_site(*, site_id: int, fields: SiteFields, by: Actor, via: Door, at: datetime) -> Site:
    """What is given is so from now on; the rest stays. Raises Forbidden, NotFound, Invalid."""
    row = _locked(site_id, "edit_site", by)
    changed = _put(row, fields, _("The site {name} was to be changed.").format(name=row.name))
    if changed:
        with _one_a_name():
            row.save(update_fields=changed)
        _record(SITE_EDITED, row, by, via, at, changed=sorted(changed))
    return row


@transaction.atomic
def retire_site(*, site_id: int, by: Actor, via: Door, at: datetime) -> Site:
    """Nobody is sent there any more; past visits keep it. Raises Forbidden, NotFound, IllegalTransition (somebody is there)."""
    row = _locked(site_id, "retire_site", by)
    if row.retired_at is None:
        if row.visits.filter(queries.NOT_OVER).exists():
            raise IllegalTransition(
                _("The site {name} was to be retired.").format(name=row.name),
                _("Somebody is there, or is to go."),
                _("Wait until they are back, or call the visit off."),
            )
        row.retired_at = at
        row.save(update_fields=["retired_at"])
        _record(SITE_RETIRED, row, by, via, at)
    return row


@transaction.atomic
def set_duress_word(*, person_id: int, word: str, by: Actor, via: Door, at: datetime) -> SafetyCard:
    """An answer of that person with these one to three words in it alarms others in silence. Only they themselves set it.

    It is kept as a digest, so nobody can read it, nor can we tell it to them. "" takes it away. Raises Forbidden, Invalid.
    """
    if by.person_id != person_id or (by.scopes is not None and "set_duress_word" not in verbs_in(by.scopes)):
        raise forbidden(by, "set_duress_word")
    words = duress.words_of(word)
    if word.strip():
        _check_duress(word, words)
    card = _card(person_id)
    key = vault.key_for(queries.DURESS_KEY)
    card.duress_digest = duress.digest(key, person_id, words) if words else b""
    card.duress_set_at, card.duress_used_at = (at if words else None), None
    card.save(update_fields=["duress_digest", "duress_set_at", "duress_used_at"])
    record(DURESS_SET, subject=("person", person_id), by=by, via=via, at=at, facts={"is_set": bool(words)})
    return card


@transaction.atomic
def set_badge(*, person_id: int, badge: str, by: Actor, via: Door, at: datetime) -> SafetyCard:
    """What doors and trackers call the person, for signs of life that these tell us of; "" for none.

    Raises Forbidden, NotFound, Invalid (it is somebody else's).
    """
    person = lock_person(person_id, by, "set_badge")
    card = _card(person_id)
    card.badge = one_line(badge, 80, _("badge"), may_be_empty=True)
    with unless_taken(_("A badge was to be entered."), _("It is somebody else's."), _("Look at whose it is.")):
        card.save(update_fields=["badge"])
    record_about(BADGE_SET, person, by, via, at)
    return card


def _check_duress(word: str, words: list[str]) -> None:
    asked = _("A duress word was to be set.")
    letters = sum(map(len, words))
    if not 1 <= len(words) <= duress.MOST_WORDS or letters < duress.SHORTEST or letters > 60:
        raise Invalid(
            asked,
            _("It must be one to {most} words of at least {least} letters in all.").format(
                most=duress.MOST_WORDS, least=duress.SHORTEST
            ),
            _("Take a word that you would not write by chance."),
            field="word",
        )
    # "help" and "stop" are the carriers' own, and what is an answer by itself must go on meaning that.
    if parse_answer(word) is not None or carrier_word(word) is not None:
        raise Invalid(
            asked, _("It means something else in an answer."), _("Take a word that means nothing."), field="word"
        )


def _card(person_id: int) -> SafetyCard:
    SafetyCard.objects.bulk_create([SafetyCard(person_id=person_id)], ignore_conflicts=True)
    return SafetyCard.objects.select_for_update().get(person=person_id)


def _put(row: Site, fields: SiteFields, asked: str) -> list[str]:
    """The fields as they are kept are in the row; the names of those that have changed."""
    given = dict(_kept(fields, row.brand.region, asked))
    assessed_on, review_on = fields.get("assessed_on", row.assessed_on), fields.get("review_on", row.review_on)
    if assessed_on and review_on and review_on < assessed_on:
        raise Invalid(
            asked,
            _("The review of the risk assessment lies before the assessment."),
            _("Give a later day."),
            field="review_on",
        )
    changed = [name for name, value in given.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, given[name])
    return changed


def _kept(fields: SiteFields, region: str, asked: str) -> SiteFields:
    kept = SiteFields(**fields)
    if "name" in kept:
        kept["name"] = one_line(kept["name"], 120, _("name of the site"))
    if "security_name" in kept:
        kept["security_name"] = one_line(kept["security_name"], 120, _("name"), may_be_empty=True)
    if number := kept.get("security_number", "").strip():
        kept["security_number"] = e164(number, region)
    if url := kept.get("map_url", "").strip():
        try:
            URLValidator(schemes=["https", "http"])(url)
        except ValidationError as bad:
            raise Invalid(
                asked, _("The map link is no address."), _("Give an https address."), field="map_url"
            ) from bad
    for name in ("address", "know", "access_notes", "assessment", "insurance"):
        if len(str(kept.get(name, ""))) > LONGEST:
            raise Invalid(asked, _("One of the texts is too long."), _("Shorten it."), field=name)
    if "address" in kept and not kept["address"].strip():
        raise Invalid(asked, _("It has no address."), _("Say where it is."), field="address")
    return kept


def _one_a_name() -> AbstractContextManager[None]:
    return unless_taken(
        _("A site was named."), _("There is one of that name already."), _("Choose another name, or change that one.")
    )


def _locked(site_id: int, verb: str, by: Actor) -> Site:
    row = Site.objects.select_for_update(of=("self",)).select_related("brand").filter(id=site_id).first()
    if row is None:
        raise NotFound(_("A site was asked for."), _("There is none."), _("Look at the list of sites."))
    require(by, verb, row.brand_id)
    return row


def _record(what: str, row: Site, by: Actor, via: Door, at: datetime, **facts: object) -> None:
    record(
        what, subject=("site", row.pk), by=by, via=via, at=at, brand_id=row.brand_id, facts={"name": row.name, **facts}
    )
