"""Verbs of staff, teams, and the ways to reach a person."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Self, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand, User
from nightdesk.access.session_actions import end_sessions
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import email as as_email
from nightdesk.base.fields import language as as_language
from nightdesk.base.fields import one_line
from nightdesk.base.fields import zone as as_zone
from nightdesk.base.promises import promise, void_promises
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.people.locking import lock_person as _person
from nightdesk.people.locking import record_about as _record
from nightdesk.people.locking import require_for
from nightdesk.people.models import ContactMethod, NotifyRule, Person, Team
from nightdesk.people.numbers import e164
from nightdesk.people.queries import brands_of

PERSON_MADE = kind("person.made", gettext_lazy("{by} put {person} on the staff list"))
PERSON_EDITED = kind("person.edited", gettext_lazy("{by} changed what is known of {person}"))
PERSON_DEACTIVATED = kind("person.deactivated", gettext_lazy("{by} took {person} off the staff list"))
PERSON_REACTIVATED = kind("person.reactivated", gettext_lazy("{by} put {person} back on the staff list"))
CONTACT_ADDED = kind("person.contact_added", gettext_lazy("{by} added a way to reach {person}: {channel}"))
CONTACT_REMOVED = kind("person.contact_removed", gettext_lazy("{by} removed a way to reach {person}: {channel}"))
CONTACT_CONFIRMED = kind("person.contact_confirmed", gettext_lazy("{person} can be reached by {channel}"))
CONTACT_BROKEN = kind("person.contact_broken", gettext_lazy("{person} can no longer be reached by {channel}: {why}"))
CONTACT_TESTED = kind("person.contact_tested", gettext_lazy("{by} sent {person} a test by {channel}"))
RULES_SET = kind("person.rules_set", gettext_lazy("{by} set how {person} is notified"))
QUIET_SET = kind("person.quiet", gettext_lazy("Only a P1 rings {person} until {until}"))
QUIET_ENDED = kind("person.quiet_ended", gettext_lazy("{person} can be rung for everything again"))
DIGEST_SET = kind("person.digest_set", gettext_lazy("{by} set when {person} is sent digests"))
TEAM_MADE = kind("team.made", gettext_lazy("{by} made the team {team}"))
TEAM_MEMBERS_SET = kind("team.members_set", gettext_lazy("{by} set who is in the team {team}"))

MAY_DEACTIVATE: list[Callable[[int, datetime], str]] = []
"""Asked with a person's id and the instant, under that person's row lock, before they are deactivated. Each gives a
sentence that says what stands against it, or "". Filled by `nightdesk.wiring`."""

END_QUIET = "person.end_quiet"
"""Promise to end somebody's quiet; its subject is the person."""

LONGEST_QUIET = timedelta(hours=14)
"""A night at most: whoever wants more has the plan changed."""
_LONGEST_WAIT = timedelta(hours=24)
_ANSWERS = frozenset({Door.SMS, Door.EMAIL, Door.LINK, Door.PHONE, Door.PUSH, Door.PAGER})
"""Doors behind which somebody holds the thing that a message was sent to."""


class PersonChanges(TypedDict, total=False):
    """What of a person may be changed; fields that are not there stay. `user_id` None takes the account away."""

    name: str
    zone: str
    language: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class RuleWanted:
    """One line of somebody's notify rules: for pages of this `urgency` ("high", "low"), this method, `after` so long.

    It counts from `opens` to `closes` by the person's clocks on `weekdays` (0 is Monday), as in NotifyRule; None: at any hour.
    """

    urgency: str
    method_id: int
    after: timedelta = timedelta(0)
    weekdays: tuple[int, ...] = tuple(range(7))
    opens: time | None = None
    closes: time | None = None

    @classmethod
    def of(cls, rule: NotifyRule) -> Self:
        """The row as `set_notify_rules` takes it."""
        return cls(rule.urgency, rule.method_id, rule.after, tuple(rule.weekdays), rule.opens, rule.closes)


@transaction.atomic
def make_person(
    *,
    name: str,
    zone: str = "Europe/London",
    language: str = "en-gb",
    user_id: int | None = None,
    brand_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> Person:
    """Somebody new on the staff list, of no team yet; `user_id` is the account they log in with, if any.

    `brand_id` is the brand whose manager adds them. Raises Forbidden, NotFound (no such user), and Invalid for a field
    that does not fit and for an account that belongs to somebody else.
    """
    require(by, "make_person", brand_id)
    fields = _person_fields({"name": name, "zone": zone, "language": language, "user_id": user_id})
    with _one_person_an_account(name):
        person = Person.objects.create(**fields)
    facts = {"person": person.name}
    record(PERSON_MADE, subject=("person", person.id), by=by, via=via, at=at, brand_id=brand_id, facts=facts)
    return person


@transaction.atomic
def edit_person(*, person_id: int, changes: PersonChanges, by: Actor, via: Door, at: datetime) -> Person:
    """The person has the new values; nothing is written when they had them.

    Raises Forbidden unless the actor may in a brand of theirs, NotFound, Invalid.
    """
    person = _person(person_id, by, "edit_person")
    changed = [name for name, value in _person_fields(changes).items() if getattr(person, name) != value]
    if changed:
        for name, value in _person_fields(changes).items():
            setattr(person, name, value)
        with _one_person_an_account(person.name):
            person.save(update_fields=changed)
        _record(PERSON_EDITED, person, by, via, at, changed=changed)
    return person


@transaction.atomic
def deactivate_person(*, person_id: int, by: Actor, via: Door, at: datetime) -> Person:
    """They are rung no more, and their account and tokens open nothing. Repeating it changes nothing.

    Raises Forbidden, NotFound, and IllegalTransition while something stands against it (they hold a duty): what
    `MAY_DEACTIVATE` says.
    """
    person = _person(person_id, by, "deactivate_person")
    if not person.active:
        return person
    for against in (ask(person.id, at) for ask in MAY_DEACTIVATE):
        if against:
            raise IllegalTransition(
                _("%s was to be taken off the staff list.") % person.name,
                against,
                _("Let somebody else take over first."),
            )
    person.active = False
    person.save(update_fields=["active"])
    _record(PERSON_DEACTIVATED, person, by, via, at)
    if person.user_id is not None:
        end_sessions(user_id=person.user_id, by=by, via=via, at=at)
    return person


@transaction.atomic
def reactivate_person(*, person_id: int, by: Actor, via: Door, at: datetime) -> Person:
    """They are on the staff list again, reached as before. Repeating it changes nothing. Raises Forbidden, NotFound."""
    person = _person(person_id, by, "reactivate_person")
    if not person.active:
        person.active = True
        person.save(update_fields=["active"])
        _record(PERSON_REACTIVATED, person, by, via, at)
    return person


@transaction.atomic
def add_contact_method(
    *, person_id: int, channel: str, address: str, label: str = "", by: Actor, via: Door, at: datetime
) -> ContactMethod:
    """One more way to reach the person; one's own needs only `edit_own_contacts`.

    `channel` is sms or voice (a phone number; without a country code it is one of their brand's region), email, webhook
    (an http or https URL), pager (its number or name), chat (`service:target`, nothing secret), pocket (their own page:
    the address is not asked for) or push (a browser's id, see `channels.actions.add_device`, which is the way to add one).
    Whoever added it, it counts as unconfirmed (`verified_at` None) until a test message to it was answered; it is used for
    pages regardless, since a doubtful address is better than silence. Raises Forbidden, NotFound, BadNumber, and Invalid
    for a channel that is none, an address that is none, or one that they have already.
    """
    person = _person(person_id, by, "add_contact_method", own=True)
    kept = _address(person, channel, address)
    with unless_taken(
        _("%(channel)s to %(address)s was to be added for %(name)s.")
        % {"channel": channel, "address": kept, "name": person.name},
        _("They have it already."),
        _("Change that one, or give another address."),
    ):
        method = ContactMethod.objects.create(
            person=person, channel=channel, address=kept, label=one_line(label, 40, _("label"), may_be_empty=True)
        )
    _record(CONTACT_ADDED, person, by, via, at, text=kept, channel=channel, method=method.pk)
    return method


@transaction.atomic
def remove_contact_method(*, method_id: int, by: Actor, via: Door, at: datetime) -> None:
    """It is gone, and with it the notify rules that used it. One's own needs only `edit_own_contacts`.

    Raises Forbidden, and NotFound also when it is gone already.
    """
    method, person = _method(method_id, by, "remove_contact_method", own=True)
    method.delete()
    _record(CONTACT_REMOVED, person, by, via, at, text=method.address, channel=method.channel, method=method_id)


@transaction.atomic
def confirm_contact_method(*, method_id: int, by: Actor, via: Door, at: datetime) -> ContactMethod:
    """The address is known to reach them now, and no longer broken. Repeating it says so of a later instant.

    The person confirms it by answering a test message that was sent to it, so not by web or API; a manager may vouch for
    it by any door. Raises Forbidden, NotFound.
    """
    method, person = _method(method_id, by, "confirm_contact_method", own=via in _ANSWERS)
    news = method.verified_at is None or method.broken_at is not None
    if news:
        method.verified_at, method.broken_at, method.broken_why = at, None, ""
    method.proved_at = at
    method.save(update_fields=["verified_at", "proved_at", "broken_at", "broken_why"])
    if news or method.tested_at is not None:
        _record(CONTACT_CONFIRMED, person, by, via, at, channel=method.channel, method=method_id)
    return method


@transaction.atomic
def note_contact_tested(*, method_id: int, by: Actor, via: Door, at: datetime) -> ContactMethod:
    """A test message has gone to the address; until it is answered nobody knows what became of it.

    One's own needs only `edit_own_contacts`. Raises Forbidden, NotFound.
    """
    method, person = _method(method_id, by, "note_contact_tested", own=True)
    method.tested_at = at
    method.save(update_fields=["tested_at"])
    _record(CONTACT_TESTED, person, by, via, at, channel=method.channel, method=method_id)
    return method


@transaction.atomic
def mark_contact_broken(*, method_id: int, why: str, by: Actor, via: Door, at: datetime) -> ContactMethod:
    """The address is known to reach nobody, because of `why` (what the carrier said). Repeating it changes nothing.

    Raises Forbidden, NotFound.
    """
    method, person = _method(method_id, by, "mark_contact_broken")
    if method.broken_at is None:
        method.broken_at, method.broken_why = at, " ".join(why.split())[:200]
        method.save(update_fields=["broken_at", "broken_why"])
        _record(CONTACT_BROKEN, person, by, via, at, channel=method.channel, method=method_id, why=method.broken_why)
    return method


@transaction.atomic
def set_notify_rules(
    *, person_id: int, rules: Sequence[RuleWanted], by: Actor, via: Door, at: datetime
) -> list[NotifyRule]:
    """These are the person's notify rules, and no others; one's own needs only `edit_own_contacts`.

    Raises Forbidden, NotFound, and Invalid for a method of somebody else, an urgency that is none, a wait below nothing
    or above a day, hours that are none, and the same line twice.
    """
    person = _person(person_id, by, "set_notify_rules", own=True)
    asked = _("Notify rules of %s were given.") % person.name
    own = set(ContactMethod.objects.filter(person=person).values_list("pk", flat=True))
    for rule in rules:
        if rule.urgency not in NotifyRule.Urgency.values:
            raise Invalid(asked, _("%r is no urgency.") % rule.urgency[:20], _("Give high or low."))
        if rule.method_id not in own:
            raise Invalid(
                asked, _("One uses a way to reach somebody else, or none that exists."), _("Choose one of their own.")
            )
        if not timedelta(0) <= rule.after <= _LONGEST_WAIT:
            raise Invalid(asked, _("One waits %s.") % rule.after, _("Wait between nothing and a day."))
        _check_hours(rule, asked)
    if len(set(rules)) < len(rules):
        raise Invalid(asked, _("The same line stands there twice."), _("Remove one of them."))
    before = list(NotifyRule.objects.filter(person=person).order_by("after", "id"))
    wanted = sorted(rules, key=lambda rule: rule.after)
    if [RuleWanted.of(rule) for rule in before] == wanted:
        return before
    NotifyRule.objects.filter(person=person).delete()
    made = NotifyRule.objects.bulk_create(
        NotifyRule(
            person=person,
            urgency=rule.urgency,
            method_id=rule.method_id,
            after=rule.after,
            weekdays=list(rule.weekdays),
            opens=rule.opens,
            closes=rule.closes,
        )
        for rule in wanted
    )
    _record(RULES_SET, person, by, via, at, rules=len(made))
    return made


def _check_hours(rule: RuleWanted, asked: str) -> None:
    if not rule.weekdays or list(rule.weekdays) != sorted(set(rule.weekdays) & set(range(7))):
        raise Invalid(asked, _("One counts on no day, or on one that is none."), _("Give days from 0 (Monday) to 6."))
    if (rule.opens is None) != (rule.closes is None):
        raise Invalid(asked, _("One has hours with only one end."), _("Give both times, or neither."))
    for moment in (rule.opens, rule.closes):
        if moment is not None and (moment.second or moment.microsecond or moment.tzinfo):
            raise Invalid(asked, _("One has hours that are no whole minutes."), _("Give them as 22:00."))


@transaction.atomic
def set_quiet(*, person_id: int, until: datetime, by: Actor, via: Door, at: datetime) -> Person:
    """Only a P1 rings the person until then; other new pages go to whoever is next. One's own needs `edit_own_contacts`.

    Repeating it changes the time. Raises Forbidden, NotFound, and Invalid for a time that is past or more than LONGEST_QUIET
    away.
    """
    person = _person(person_id, by, "set_quiet", own=True)
    if not at < until <= at + LONGEST_QUIET:
        raise Invalid(
            _("%s was to be left alone.") % person.name,
            _("That time is past, or more than %d hours away.") % (LONGEST_QUIET // timedelta(hours=1)),
            _("Give a time within this night."),
        )
    void_promises(("person", person.pk), at=at, kinds=[END_QUIET])
    person.quiet_until = until
    person.save(update_fields=["quiet_until"])
    brands = sorted(brand for brand in brands_of(person) if brand is not None)
    local = until.astimezone(ZoneInfo(person.zone)).isoformat(timespec="minutes")
    _record(QUIET_SET, person, by, via, at, until=local)
    promise(
        END_QUIET,
        subject=("person", person.pk),
        due_at=until,
        why=_("%s is left alone until then, except for a P1") % person.name,
        at=at,
        brand_id=brands[0] if brands else None,
    )
    return person


@transaction.atomic
def end_quiet(*, person_id: int, by: Actor, via: Door, at: datetime) -> Person:
    """Everything rings the person again. Repeating it changes nothing. Raises Forbidden, NotFound."""
    person = _person(person_id, by, "set_quiet", own=True)
    if person.quiet_until is not None:
        void_promises(("person", person.pk), at=at, kinds=[END_QUIET])
        person.quiet_until = None
        person.save(update_fields=["quiet_until"])
        _record(QUIET_ENDED, person, by, via, at)
    return person


@transaction.atomic
def set_digest(
    *, person_id: int, times: Sequence[time], resolved: bool = True, by: Actor, via: Door, at: datetime
) -> Person:
    """At these local times the person is sent what was not loud; `resolved`: with what is over by then. One's own needs
    only `edit_own_contacts`. Repeating it changes nothing.

    Raises Forbidden, NotFound, and Invalid for no time, more than six, or one that is no whole minute.
    """
    person = _person(person_id, by, "set_digest", own=True)
    wanted = sorted({f"{moment:%H:%M}" for moment in times})
    if not 1 <= len(wanted) <= 6 or any(moment.second or moment.microsecond for moment in times):
        raise Invalid(
            _("The times of the digests of %s were given.") % person.name,
            _("There is none, more than six, or one that is no whole minute."),
            _("Give one to six, such as 08:30 and 16:30."),
        )
    if (person.digest_at, person.digest_resolved) != (wanted, resolved):
        person.digest_at, person.digest_resolved = wanted, resolved
        person.save(update_fields=["digest_at", "digest_resolved"])
        _record(DIGEST_SET, person, by, via, at, times=wanted, resolved=resolved)
    return person


@transaction.atomic
def add_notify_rules(
    *, person_id: int, method_id: int, after: timedelta = timedelta(0), by: Actor, via: Door, at: datetime
) -> list[NotifyRule]:
    """The method is used `after` they are rung, beside whatever their rules say; returns the new lines.

    For what can wait too, where they have rules for that: without any, every quiet way is used already. Repeating it
    changes nothing. One's own needs only `edit_own_contacts`. Raises Forbidden, and NotFound for a method not theirs.
    """
    person = _person(person_id, by, "add_notify_rules", own=True)
    rules = NotifyRule.objects.filter(person=person)
    if not ContactMethod.objects.filter(pk=method_id, person=person).exists():
        raise NotFound(_("Notify rules of %s were given.") % person.name, _("They have no such way."), "")
    low = NotifyRule.Urgency.LOW
    wanted = [NotifyRule.Urgency.HIGH, *([low] if rules.filter(urgency=low).exists() else [])]
    there = set(rules.filter(method_id=method_id).values_list("urgency", flat=True))
    made = NotifyRule.objects.bulk_create(
        NotifyRule(person=person, urgency=urgency, method_id=method_id, after=after)
        for urgency in wanted
        if urgency not in there
    )
    if made:
        _record(RULES_SET, person, by, via, at, rules=rules.count())
    return made


@transaction.atomic
def make_team(*, brand_id: int, name: str, manager_id: int | None = None, by: Actor, via: Door, at: datetime) -> Team:
    """A new team of the brand, of nobody yet. Its manager is who an unanswered page ends with.

    Raises Forbidden, NotFound, and Invalid for a manager who is no longer active.
    """
    require(by, "make_team", brand_id)
    if not Brand.objects.filter(pk=brand_id).exists():
        raise NotFound(
            _("The brand %s was asked for.") % brand_id, _("There is none."), _("Look at the list of brands.")
        )
    name = one_line(name, 80, _("name"))
    team = Team.objects.create(brand_id=brand_id, name=name, manager=_active(manager_id, name))
    record(TEAM_MADE, subject=("team", team.pk), by=by, via=via, at=at, brand_id=brand_id, facts={"team": name})
    return team


@transaction.atomic
def set_team_members(
    *, team_id: int, person_ids: Sequence[int], manager_id: int | None, by: Actor, via: Door, at: datetime
) -> Team:
    """These people are in the team and no others, and this is its manager (None: nobody).

    Who is new in it must be nobody's yet, or of a brand in which the actor may do this too: else a brand could take hold
    of another's people. Raises Forbidden, NotFound, and Invalid for somebody who is no longer active.
    """
    team = Team.objects.select_for_update().filter(pk=team_id).first()
    require(by, "set_team_members", team.brand_id if team else None)
    if team is None:
        raise NotFound(_("The team %s was asked for.") % team_id, _("There is none."), _("Look at the list of teams."))
    before = set(team.members.values_list("pk", flat=True))
    joining = [
        person
        for person_id in sorted(set(person_ids) - before)
        if (person := _active(person_id, team.name)) is not None
    ]
    for person in joining:
        require_for(person, by, "set_team_members")
    manager = _active(manager_id, team.name) if manager_id != team.manager_id else team.manager
    leaving = before - set(person_ids)
    if not (joining or leaving or manager_id != team.manager_id):
        return team
    team.manager = manager
    team.save(update_fields=["manager"])
    team.members.add(*joining)
    team.members.remove(*leaving)
    record(
        TEAM_MEMBERS_SET,
        subject=("team", team.pk),
        by=by,
        via=via,
        at=at,
        brand_id=team.brand_id,
        facts={
            "team": team.name,
            "joined": [person.pk for person in joining],
            "left": sorted(leaving),
            "manager": manager_id,
        },
    )
    return team


def note_sign_of_life(person_id: int, at: datetime) -> None:
    """The person has shown at `at` that they are awake; an earlier instant than the last one changes nothing."""
    Person.objects.filter(pk=person_id).exclude(last_sign_at__gte=at).update(last_sign_at=at)


def _method(method_id: int, by: Actor, verb: str, *, own: bool = False) -> tuple[ContactMethod, Person]:
    """The contact method and its person, who is locked; `own` as in `_person`."""
    person_id = ContactMethod.objects.filter(pk=method_id).values_list("person_id", flat=True).first()
    person = _person(person_id, by, verb, own=own) if person_id is not None else None
    method = ContactMethod.objects.filter(pk=method_id).first()
    if person is None or method is None:
        raise NotFound(
            _("The contact method %s was asked for.") % method_id, _("There is none."), _("Look at the person's list.")
        )
    return method, person


def _active(person_id: int | None, team: str) -> Person | None:
    if person_id is None:
        return None
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        raise NotFound(_("The person %s was asked for.") % person_id, _("There is none."), _("Look at the staff list."))
    if not person.active:
        raise Invalid(
            _("%(name)s was to be put into %(team)s.") % {"name": person.name, "team": team},
            _("They are no longer on the staff list."),
            _("Put them back on it first, or choose somebody else."),
        )
    return person


def _person_fields(given: PersonChanges) -> PersonChanges:
    """The fields that are there, in the form in which they are kept."""
    fields = PersonChanges()
    if "name" in given:
        fields["name"] = one_line(given["name"], 120, _("name"))
    if "zone" in given:
        fields["zone"] = as_zone(given["zone"])
    if "language" in given:
        fields["language"] = as_language(given["language"])
    if "user_id" in given:
        fields["user_id"] = user_id = given["user_id"]
        if user_id is not None and not User.objects.filter(pk=user_id, kind=User.Kind.STAFF).exists():
            raise NotFound(
                _("The user %s was asked for.") % user_id, _("There is none."), _("Look at the list of users.")
            )
    return fields


def _one_person_an_account(name: str) -> AbstractContextManager[None]:
    return unless_taken(
        _("An account was named for %s.") % name,
        _("It belongs to somebody else on the staff list."),
        _("Choose another account, or none."),
    )


def _address(person: Person, channel: str, address: str) -> str:
    """The address in the form in which the channel keeps it."""
    match channel:
        case "sms" | "voice":
            return e164(address, _region(person))
        case "email":
            return as_email(address)
        case "webhook":
            try:
                URLValidator(schemes=["https", "http"])(address)
                return one_line(address, 320, _("address"))
            except ValidationError as bad:
                raise Invalid(
                    _("The address %r was given.") % address[:80],
                    _("It is no http or https URL."),
                    _("Give one, for example https://example.net/hook."),
                ) from bad
        case "pocket":
            return str(person.pk)
        case "pager":
            return _pager(address)
        case "chat":
            return _chat(address)
        case "push":
            with suppress(ValueError):
                return str(UUID(address))
    raise Invalid(
        _("The channel %r was given.") % channel[:20],
        _("People are not reached by it."),
        _("Give sms, voice, email, pager, chat, webhook or pocket."),
    )


def _pager(address: str) -> str:
    """A pager's number without its dashes, or its name as the network knows it."""
    address = re.sub(r"[\s()/-]+", "", address) if re.fullmatch(r"[\d\s()/.-]+", address) else address.strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", address):
        raise Invalid(
            _("The pager %r was given.") % address[:40],
            _("A pager has up to 40 letters and digits."),
            _("Give its number or name as the paging network knows it."),
        )
    return address


def _chat(address: str) -> str:
    """`service:target`. An address is shown to many people, so nothing secret may be in it."""
    address = address.strip()
    if "://" in address:
        raise Invalid(
            _("A URL was given as a chat address."),
            _("It holds secrets, and an address is shown to others."),
            _("Let an administrator set up a route with it, and give service:target, such as slack:#noc."),
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,29}:[^][;,\s\x00-\x1f]{0,200}", address):
        raise Invalid(
            _("The chat address %r was given.") % address[:40],
            _("It does not name a service and whom it is for."),
            _("Give service:target, such as slack:#noc; the route's settings say what the service is called."),
        )
    return address


def _region(person: Person) -> str:
    """Where a number without a country code is read: in their first team's brand, else in the oldest brand."""
    brand = (
        Brand.objects.filter(team__members=person).order_by("team__id").first() or Brand.objects.order_by("id").first()
    )
    return brand.region if brand is not None else "GB"
