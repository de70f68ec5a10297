"""Verbs of the bureau's clients: who they are, their scripts, their ladders, the note of the day."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.access.models import Brand
from nightdesk.base.actors import Actor, Door
from nightdesk.base.fields import one_line
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound
from nightdesk.base.unique import unless_taken
from nightdesk.calls import scripts
from nightdesk.calls.bureau_models import BureauClient, LadderRung, Script, ScriptVersion
from nightdesk.channels.registry import CHANNELS, NEED_NO_ROUTE
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.knowledge.fields import several_lines
from nightdesk.people.models import ContactMethod
from nightdesk.people.numbers import e164

CLIENT_SAVED = kind("bureau.client-saved", gettext_lazy("{by} set how the bureau answers for {client}"))
NOTE_SET = kind("bureau.note-set", gettext_lazy("{by} wrote the note of the day for {client}"))
LADDER_SET = kind("bureau.ladder-set", gettext_lazy("{by} set whom the bureau tells for {client}: {count} ways"))
SCRIPT_SAVED = kind("bureau.script-saved", gettext_lazy("{by} saved version {number} of the script {script}: {why}"))
SCRIPT_APPROVED = kind(
    "bureau.script-approved", gettext_lazy("{by} approved version {number} of the script {script}, from {starts_at} on")
)
SCRIPT_RETIRED = kind("bureau.script-retired", gettext_lazy("{by} retired the script {script}"))

LONGEST_TEXT = 4000
MOST_RUNGS = 30
BY_NUMBER = frozenset({"sms", "voice"})


@transaction.atomic
def save_bureau_client(
    *,
    brand_id: int,
    relay: str = "page",
    confirm: bool = True,
    again_s: int = 900,
    mind_s: int = 300,
    active: bool = True,
    like_client_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> BureauClient:
    """The brand is a client of the bureau, new or changed; columns as in `BureauClient`.

    A new one begins with a script: those of `like_client_id` as they are read now, else the standard one. Either waits for its
    test call and its approval. Raises Forbidden, NotFound, Invalid.
    """
    require(by, "save_bureau_client", brand_id)
    asked = _("A client of the bureau was to be saved.")
    brand = Brand.objects.filter(id=brand_id).first()
    if brand is None:
        raise NotFound(asked, _("There is no such brand."), _("Make the brand first."))
    if relay not in BureauClient.Relay.values:
        raise Invalid(asked, _("Messages cannot go by %r.") % relay[:20], _("Give page or own."))
    if not 60 <= again_s <= 86_400 or not 30 <= mind_s <= 86_400:
        raise Invalid(
            asked, _("That is too soon or too late."), _("Give from half a minute, or a minute, to a day, in seconds.")
        )
    row = BureauClient.objects.select_for_update().filter(brand=brand).first()
    is_new, row = row is None, row or BureauClient(brand=brand)
    row.relay, row.confirm, row.again_s, row.mind_s, row.active = relay, confirm, again_s, mind_s, active
    if is_new:
        row.save(force_insert=True)
        _first_scripts(row, like_client_id, by, at)
    else:
        row.save(update_fields=["relay", "confirm", "again_s", "mind_s", "active"])
    _record(CLIENT_SAVED, row, by, via, at, relay=relay, active=active)
    return row


def _first_scripts(row: BureauClient, like_client_id: int | None, by: Actor, at: datetime) -> None:
    """Scripts of a new client, which nobody has tried or approved yet."""
    if like_client_id is None:
        script = Script.objects.create(client=row, name=_("Every call"), latest=1)
        ScriptVersion.objects.create(
            script=script,
            number=1,
            greeting=_("Good day, {client}, how can I help?").format(client=row.brand.name),
            steps=[step.as_json() for step in scripts.STANDARD],
            when=scripts.When().as_json(),
            why=_("The standard script"),
            starts_at=at,
            made_at=at,
            made_by=by.name[:120],
        )
        return
    model = _client(like_client_id, "save_script", by)
    for script in model.scripts.filter(retired_at=None):
        old = script.versions.filter(approved_at__isnull=False, starts_at__lte=at).order_by("-starts_at").first()
        if old is None:
            continue
        ScriptVersion.objects.create(
            script=Script.objects.create(client=row, name=script.name, latest=1),
            number=1,
            greeting=old.greeting.replace(model.brand.name, row.brand.name)[:400],
            may_say="",  # what callers of one may be told is nothing for those of another
            instructions=old.instructions,
            steps=old.steps,
            when=old.when,
            why=_("As for {client}").format(client=model.brand.name)[:300],
            starts_at=at,
            made_at=at,
            made_by=by.name[:120],
        )


@transaction.atomic
def set_note_of_the_day(
    *, client_id: int, text: str, until: datetime | None = None, by: Actor, via: Door, at: datetime
) -> BureauClient:
    """Operators see the text above the script until `until` (None: until it is changed); "" takes it away.

    Raises Forbidden, NotFound, Invalid.
    """
    row = _client(client_id, "set_note_of_the_day", by)
    text = several_lines(text, 600, _("note")) if text.strip() else ""
    if until is not None and until <= at:
        raise Invalid(_("A note of the day was to be set."), _("It would be over already."), _("Give a later time."))
    row.note, row.note_until, row.note_at, row.note_by = text, until if text else None, at, by.name[:120]
    row.save(update_fields=["note", "note_until", "note_at", "note_by"])
    _record(NOTE_SET, row, by, via, at, text=text)
    return row


@transaction.atomic
def set_bureau_ladder(
    *, client_id: int, rungs: Sequence[Mapping[str, Any]], by: Actor, via: Door, at: datetime
) -> list[LadderRung]:
    """The client's own ladder is this, in this order. A rung is {"method_id"} of one of its people, whose address is proved, or
    {"name", "channel", "address"}, which is that person's where it is their proved one; with "wait_s", "urgent_only", "first_at"
    and "last_at" as in `scripts.Rung`.

    Raises Forbidden, NotFound, Invalid.
    """
    row = _client(client_id, "set_bureau_ladder", by)
    asked = _("A client's ladder was to be set.")
    if len(rungs) > MOST_RUNGS:
        raise Invalid(asked, _("It has more than %d ways.") % MOST_RUNGS, _("Leave some out."))
    made = [_rung(row, position, told, asked) for position, told in enumerate(rungs)]
    row.ladder.all().delete()
    LadderRung.objects.bulk_create(made)
    _record(LADDER_SET, row, by, via, at, count=len(made))
    return list(row.ladder.all())


def _rung(client: BureauClient, position: int, told: Mapping[str, Any], asked: str) -> LadderRung:
    wait_s = told.get("wait_s", 300)
    if not isinstance(wait_s, int) or not 30 <= wait_s <= 86_400:
        raise Invalid(asked, _("Whoever is next waits %r seconds.") % wait_s, _("Give 30 seconds to a day."))
    rung = LadderRung(
        client=client,
        position=position,
        wait_s=wait_s,
        urgent_only=bool(told.get("urgent_only", False)),
        first_at=told.get("first_at"),
        last_at=told.get("last_at"),
    )
    if rung.first_at and rung.last_at and rung.last_at <= rung.first_at:
        raise Invalid(asked, _("A way ends before it begins."), _("Give the later time as the end."))
    if told.get("method_id") is not None:
        method = ContactMethod.objects.select_related("person").filter(id=told["method_id"]).first()
        if method is None or not _is_theirs(client, method):
            raise NotFound(asked, _("Nobody of the client has that way."), _("Choose one of its own people."))
        if method.verified_at is None:
            raise Invalid(
                asked,
                _("{name} has not proved that way yet.").format(name=method.person.name),
                _("Let them confirm the test message first."),
            )
        rung.person, rung.name = method.person, method.person.name
        rung.channel, rung.address = method.channel, method.address
        return rung
    rung.name = one_line(str(told.get("name", "")), 120, _("name"))
    rung.channel = str(told.get("channel", ""))
    if rung.channel not in {driver.channel for driver in CHANNELS.values()} - NEED_NO_ROUTE:
        raise Invalid(asked, _("%r is no way to send a message.") % rung.channel[:20], _("Give sms, email or another."))
    address = one_line(str(told.get("address", "")), 320, _("address"))
    rung.address = e164(address, client.brand.region) if rung.channel in BY_NUMBER else address
    proved = ContactMethod.objects.filter(channel=rung.channel, address=rung.address, verified_at__isnull=False)
    rung.person = next(
        (method.person for method in proved.select_related("person") if _is_theirs(client, method)), None
    )
    return rung


def _is_theirs(client: BureauClient, method: ContactMethod) -> bool:
    person = method.person
    in_team = person.teams.filter(brand=client.brand_id).exists()
    return in_team or (person.user is not None and person.user.grants.filter(brand__in=[client.brand_id]).exists())


@transaction.atomic
def save_script(
    *,
    client_id: int,
    name: str,
    greeting: str,
    steps: Sequence[Mapping[str, Any]],
    when: Mapping[str, Any] | None = None,
    may_say: str = "",
    instructions: str = "",
    why: str = "",
    starts_at: datetime | None = None,
    script_id: int | None = None,
    by: Actor,
    via: Door,
    at: datetime,
) -> ScriptVersion:
    """A new version of a script (`script_id` None: of a new one), to be read from `starts_at` on (None: at once), after a test
    call and an approval. Until then what was approved before goes on.

    Raises Forbidden, NotFound, Invalid (also where the client has a script of that name).
    """
    client = _client(client_id, "save_script", by)
    asked = _("A script was to be saved.")
    try:
        known = scripts.steps_from(steps)
        held = scripts.when_from(when or {})
    except (ValueError, TypeError) as wrong:
        raise Invalid(asked, f"{wrong}."[:1].upper() + f"{wrong}."[1:], _("Change that, and save it again.")) from wrong
    if script_id is None:
        script = Script(client=client)
    else:
        script = _script(script_id, by)
        if script.client_id != client.pk:
            raise NotFound(asked, _("The client has no such script."), _("Look at its list."))
    script.name, script.latest = one_line(name, 80, _("name")), script.latest + 1
    with unless_taken(asked, _("The client has a script of that name."), _("Give it another, or change that one.")):
        if script.pk is None:
            script.save(force_insert=True)
        else:
            script.save(update_fields=["name", "latest"])
    version = ScriptVersion.objects.create(
        script=script,
        number=script.latest,
        greeting=one_line(greeting, 400, _("greeting")),
        may_say=several_lines(may_say, LONGEST_TEXT, _("text")) if may_say.strip() else "",
        instructions=several_lines(instructions, LONGEST_TEXT, _("text")) if instructions.strip() else "",
        steps=[step.as_json() for step in known],
        when=held.as_json(),
        why=one_line(why, 300, _("reason"), may_be_empty=True),
        starts_at=max(starts_at or at, at),
        made_at=at,
        made_by=by.name[:120],
    )
    _record_version(SCRIPT_SAVED, client, version, by, via, at, why=version.why)
    return version


@transaction.atomic
def approve_script(*, script_id: int, number: int, by: Actor, via: Door, at: datetime) -> ScriptVersion:
    """That version is read from its `starts_at` on, or from now where that has passed. Repeating it changes nothing.

    Raises Forbidden, NotFound, IllegalTransition (nobody has made a test call with it, or a later one is approved).
    """
    script = _script(script_id, by, verb="approve_script")
    asked = _("Version {number} of {script} was to be approved.").format(number=number, script=script.name)
    version = ScriptVersion.objects.select_for_update().filter(script=script, number=number).first()
    if version is None:
        raise NotFound(asked, _("There is no such version."), _("Look at its list."))
    if version.approved_at is not None:
        return version
    if version.tested_at is None:
        raise IllegalTransition(
            asked, _("Nobody has tried it in a test call yet."), _("Make a test call, then approve it.")
        )
    if script.versions.filter(number__gt=number, approved_at__isnull=False).exists():
        raise IllegalTransition(asked, _("A later version is approved."), _("Save these words as a new version."))
    version.approved_at, version.approved_by = at, by.name[:120]
    version.starts_at = max(version.starts_at, at)
    version.save(update_fields=["approved_at", "approved_by", "starts_at"])
    _record_version(
        SCRIPT_APPROVED, script.client, version, by, via, at, starts_at=version.starts_at.isoformat(timespec="minutes")
    )
    return version


@transaction.atomic
def retire_script(*, script_id: int, by: Actor, via: Door, at: datetime) -> Script:
    """It is read no more; what was taken down with it stays. Repeating it changes nothing. Raises Forbidden, NotFound."""
    script = _script(script_id, by, verb="save_script", retired=True)
    if script.retired_at is None:
        script.retired_at = at
        script.save(update_fields=["retired_at"])
        _record(SCRIPT_RETIRED, script.client, by, via, at, script=script.name)
    return script


def _client(client_id: int, verb: str, by: Actor) -> BureauClient:
    row = BureauClient.objects.select_for_update(of=("self",)).select_related("brand").filter(id=client_id).first()
    require(by, verb, row.brand_id if row else None)
    if row is None:
        raise NotFound(
            _("You asked for a client of the bureau."), _("There is no such client."), _("Look at the list.")
        )
    return row


def _script(script_id: int, by: Actor, *, verb: str = "save_script", retired: bool = False) -> Script:
    rows = Script.objects.select_for_update(of=("self",)).select_related("client__brand").filter(id=script_id)
    row = (rows if retired else rows.filter(retired_at=None)).first()
    require(by, verb, row.client.brand_id if row else None)
    if row is None:
        raise NotFound(_("You asked for a script."), _("There is no such script."), _("Look at the client's list."))
    return row


def _record(
    kind_of: str, row: BureauClient, by: Actor, via: Door, at: datetime, *, text: str = "", **facts: Any
) -> None:
    known = {"client": row.brand.name, **facts}
    subject = ("bureau_client", row.pk)
    record(kind_of, subject=subject, by=by, via=via, at=at, brand_id=row.brand_id, facts=known, text=text)


def _record_version(
    kind_of: str, client: BureauClient, version: ScriptVersion, by: Actor, via: Door, at: datetime, **facts: Any
) -> None:
    known = {"script": version.script.name, "number": version.number, **facts}
    _record(kind_of, client, by, via, at, **known)
