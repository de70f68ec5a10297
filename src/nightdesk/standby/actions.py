"""The main site's verbs: who may pull, the test page, what the second site hands back, drills."""

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import brands_for, forbidden, require
from nightdesk.base import vault
from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import promise
from nightdesk.base.refusals import IllegalTransition, Invalid, NotFound, Refusal
from nightdesk.channels.models import Delivery
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.journal.models import Entry
from nightdesk.outages.actions import follow_update, number_for, number_of_update_for
from nightdesk.outages.models import Outage, Update
from nightdesk.paging.actions import (
    acknowledge_page,
    carry_on_page,
    code_for,
    hold_rings,
    resolve_page,
    trigger_page,
)
from nightdesk.paging.models import Alarm, Page, Policy
from nightdesk.people.models import Person
from nightdesk.people.queries import actor_of_person
from nightdesk.standby import queries
from nightdesk.standby.following import insert_rows
from nightdesk.standby.merge import Held, move
from nightdesk.standby.models import Drill, HandedBack, SecondSite
from nightdesk.standby.sections import coming_back

PAIRED = kind("standby.paired", gettext_lazy("{by} paired the second site {name}"))
EDITED = kind("standby.edited", gettext_lazy("{by} changed the pairing with {name}: silent after {seconds} s"))
REVOKED = kind("standby.revoked", gettext_lazy("{by} ended the pairing with {name}"))
WENT_ALONE = kind("standby.alone", gettext_lazy("{name} pages for us, as it has not heard us well"))
CAME_BACK = kind("standby.back", gettext_lazy("{name} hears us again"))
TAKEN_BACK = kind(
    "standby.taken-back", gettext_lazy("{entries} entries came back from {name}, {problems} with a problem")
)
DRILL_AGREED = kind("standby.drill-agreed", gettext_lazy("{person} agreed to be paged by the second site"))
DRILL_STARTED = kind("standby.drill-started", gettext_lazy("{by} started a drill of the second site with {person}"))
DRILL_ENDED = kind("standby.drill-ended", gettext_lazy("The drill with {person} is over: {outcome}"))

TEST_PAGE = "standby.test_page"
"""Promise to raise and close a page, with all that it would write, and to leave none of it."""

SUBJECT = ("site", "second")
SILENT_LEAST_S, SILENT_MOST_S = 15, 3600
RETURN_WITHIN = timedelta(seconds=20)
"""So long a main site that was away waits for what the second one did before it rings for itself."""
TESTED_BRANDS = 20
HANDED_BACK_KEPT = timedelta(days=30)
"""So long what was handed back lies as it came, for whoever looks into a problem with it."""
DRILL_WITHIN = timedelta(hours=24)
"""So long somebody's word that they agree to a drill holds."""


# --- The pairing -----------------------------------------------------------------------------------------------------


@transaction.atomic
def pair_second_site(*, name: str, by: Actor, via: Door, at: datetime) -> tuple[SecondSite, str]:
    """The second site `name` may pull, with the key that is given back here and nowhere else. Raises Forbidden, Invalid,
    IllegalTransition where there is one already.
    """
    require(by, "pair_second_site", None)
    name = " ".join(name.split())
    asked = _("A second site was to be paired.")
    if not name or len(name) > 80:
        raise Invalid(
            asked, _("It has no name, or a very long one."), _("Give it one of up to 80 letters."), field="name"
        )
    if SecondSite.objects.filter(revoked_at=None).exists():
        raise IllegalTransition(asked, _("There is one already."), _("End that pairing first."))
    key = f"nsb_{secrets.token_urlsafe(32)}"
    row = SecondSite.objects.create(name=name, hint=key[:8], sealed=vault.seal(key.encode()), made_at=at)
    record(PAIRED, subject=SUBJECT, by=by, via=via, at=at, facts={"name": name})
    return row, key


@transaction.atomic
def edit_second_site(*, silent_after_s: int, by: Actor, via: Door, at: datetime) -> SecondSite:
    """The second site speaks for us once it has not heard us well for so long. Raises Forbidden, NotFound, Invalid."""
    require(by, "edit_second_site", None)
    row = _locked(_("The pairing was to change."))
    if not SILENT_LEAST_S <= silent_after_s <= SILENT_MOST_S:
        raise Invalid(
            _("The second site was to wait {seconds} s.").format(seconds=silent_after_s),
            _("It can wait {least} to {most} s.").format(least=SILENT_LEAST_S, most=SILENT_MOST_S),
            _("A minute suits most: shorter than an engineer's patience, longer than an upgrade."),
            field="silent_after_s",
        )
    if row.silent_after_s != silent_after_s:
        row.silent_after_s = silent_after_s
        row.save(update_fields=["silent_after_s"])
        facts = {"name": row.name, "seconds": silent_after_s}
        record(EDITED, subject=SUBJECT, by=by, via=via, at=at, facts=facts)
    return row


@transaction.atomic
def revoke_second_site(*, by: Actor, via: Door, at: datetime) -> None:
    """Its key opens nothing any more. Repeating it changes nothing. Raises Forbidden."""
    require(by, "revoke_second_site", None)
    row = SecondSite.objects.select_for_update().filter(revoked_at=None).first()
    if row is not None:
        row.revoked_at, row.sealed = at, b""
        row.save(update_fields=["revoked_at", "sealed"])
        record(REVOKED, subject=SUBJECT, by=by, via=via, at=at, facts={"name": row.name})


@transaction.atomic
def note_pull(*, told: Mapping[str, Any], test: bool, by: Actor, via: Door, at: datetime) -> SecondSite:
    """The second site was here, and said of itself what `told` holds; with `test` a test page is promised. Raises NotFound."""
    row = _locked(_("A second site pulled."))
    alone = told.get("state") in ("alone", "returning")
    if alone and row.alone_since is None:
        record(WENT_ALONE, subject=SUBJECT, by=by, via=via, at=at, facts={"name": row.name})
        row.alone_since = at
    elif not alone and row.alone_since is not None:
        record(CAME_BACK, subject=SUBJECT, by=by, via=via, at=at, facts={"name": row.name})
        row.alone_since = row.held_until = None
    row.heard_at, row.told = at, dict(told)
    if test:
        row.tests_since = row.tests_since or at
        if not Promise.objects.filter(kind=TEST_PAGE, ended_at=None).exists():
            promise(TEST_PAGE, subject=SUBJECT, due_at=at, why=_("the second site looks whether pages go out"), at=at)
    row.save(update_fields=["heard_at", "told", "alone_since", "held_until", "tests_since"])
    return row


@transaction.atomic
def note_answer(*, size_bytes: int, by: Actor, via: Door, at: datetime) -> None:
    """How many bytes the last answer had: what a pull costs, for whoever looks."""
    del by, via, at
    SecondSite.objects.filter(revoked_at=None).update(sent_bytes=size_bytes)


@transaction.atomic
def hold_for_second_site(*, by: Actor, via: Door, at: datetime) -> int:
    """Called by each worker before it begins. Where the second site has been speaking for us, what rings waits a moment for
    what it has done, so that nobody is woken twice; how many promises and messages wait.
    """
    row = SecondSite.objects.select_for_update().filter(revoked_at=None, heard_at__isnull=False).first()
    if row is None or row.heard_at is None:
        return 0
    silent = at - row.heard_at >= timedelta(seconds=row.silent_after_s)
    if not silent and row.alone_since is None:
        return 0
    if row.held_until is not None and row.held_until > at - timedelta(minutes=5):
        return 0  # it has waited for this already: a worker that starts again and again must not put off for ever
    row.held_until = at + RETURN_WITHIN
    row.save(update_fields=["held_until"])
    return hold_rings(until_at=row.held_until, by=by, via=via, at=at)


def _locked(asked: str) -> SecondSite:
    row = SecondSite.objects.select_for_update().filter(revoked_at=None).first()
    if row is None:
        raise NotFound(asked, _("No second site is paired."), _("Pair one under Settings, Second site."))
    return row


# --- The test page ---------------------------------------------------------------------------------------------------


class _Undone(Exception):
    """Takes a test page away again, with everything that it wrote."""


@transaction.atomic
def raise_test_page(*, by: Actor, via: Door, at: datetime) -> str:
    """In every brand a page is raised and closed as any other: by its policy, for whoever has the duty, to messages in the
    ledger; and then undone before anything of it can be sent. What came of it is noted; returned in a sentence.
    """
    del via
    began = time.perf_counter()
    problems = []
    brands = Policy.objects.order_by("brand_id").values_list("brand_id", "brand__name").distinct()[:TESTED_BRANDS]
    for brand_id, name in brands:
        try:
            with transaction.atomic():
                page = trigger_page(
                    brand_id=brand_id,
                    title="Test page of the second site",
                    priority="P1",
                    by=by,
                    via=Door.WORKER,
                    at=at,
                )
                if page.unreached or not Delivery.objects.filter(subject_id=str(page.pk)).exists():
                    problems.append(_("Nobody at {brand} would be reached.").format(brand=name))
                resolve_page(page_id=page.pk, by=by, via=Door.WORKER, at=at)
                raise _Undone
        except _Undone:
            continue
        except Refusal as refusal:
            problems.append(f"{name}: {refusal.so}")
    took_ms = round((time.perf_counter() - began) * 1000)
    SecondSite.objects.filter(revoked_at=None).update(
        tested_at=at, test_ms=took_ms, test_problem=" ".join(problems)[:300]
    )
    return " ".join(problems) or _("Raised and closed in {ms} ms.").format(ms=took_ms)


# --- What the second site hands back ---------------------------------------------------------------------------------


def take_back(*, batch: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> list[str]:
    """What the second site did is true here as well; problems, in sentences. Kept as it came first; repeating it changes nothing.

    Rows come by UUID, where they are not there yet; one that does not fit stops no other. Nothing that was sent is sent again.
    """
    kept = _keep(batch, at)
    problems: list[str] = []
    mine = _stand_of(batch, at)
    for label in ("journal.Entry", "journal.PersonalText", "channels.Message", "channels.Delivery", "channels.Attempt"):
        for row in batch.get("rows", {}).get(label, ()):
            _try(problems, label, lambda label=label, row=row: _put(label, [row]))  # type: ignore[misc]
    for row in batch.get("rows", {}).get("paging.RawAlarm", ()):
        _try(problems, "raw alarm", lambda row=row: _put("paging.RawAlarm", [row]))  # type: ignore[misc]
    for page in batch.get("pages", ()):
        _try(problems, "page", lambda page=page: _take_back_page(page, mine, by, via, at))  # type: ignore[misc]
    for row in batch.get("rows", {}).get("outages.Outage", ()):
        _try(problems, "outage", lambda row=row: _take_back_outage(row, batch))  # type: ignore[misc]
    for row in batch.get("rows", {}).get("outages.Update", ()):
        _try(problems, "update", lambda row=row: _take_back_update(row, by, via, at))  # type: ignore[misc]
    for row in batch.get("rows", {}).get("calls.Message", ()):
        _try(problems, "message", lambda row=row: _put("calls.Message", [row]))  # type: ignore[misc]
    if batch.get("drill"):
        _try(problems, "drill", lambda: _end_drill(batch["drill"], by, via, at))
    if kept is not None and problems:
        HandedBack.objects.filter(pk=kept.pk).update(problems=problems)
    return problems


@transaction.atomic
def _keep(batch: Mapping[str, Any], at: datetime) -> HandedBack | None:
    """What came, whole, if anything of it is new."""
    row = _locked(_("Something was handed back."))
    entries = [str(entry["id"]) for entry in batch.get("rows", {}).get("journal.Entry", ())]
    new = len(entries) - Entry.objects.filter(id__in=entries).count()
    if not new and not batch.get("drill"):
        return None
    facts = {"name": row.name, "entries": new, "problems": 0}
    record(TAKEN_BACK, subject=SUBJECT, by=SCHEDULER, via=Door.STANDBY, at=at, facts=facts)
    return HandedBack.objects.create(pairing=row, at=at, body=dict(batch), entries=new)


@transaction.atomic
def forget_handed_back(*, by: Actor, via: Door, at: datetime) -> int:
    """What was handed back is kept as it came for `HANDED_BACK_KEPT`, and no longer; how many letters went."""
    del by, via
    return HandedBack.objects.filter(at__lt=at - HANDED_BACK_KEPT).delete()[0]


def _stand_of(batch: Mapping[str, Any], at: datetime) -> dict[str, Held]:
    """How the pages of the batch stand here before anything of it is taken in."""
    del at
    pages = list(Page.objects.filter(id__in=[page["row"]["id"] for page in batch.get("pages", ())]))
    changed = queries.changed_at(pages)
    return {str(page.pk): queries.held(page, changed[str(page.pk)]) for page in pages}


def _try(problems: list[str], what: str, do: Callable[[], object]) -> None:
    try:
        with transaction.atomic():
            do()
    except (Refusal, DatabaseError, KeyError, ValueError, TypeError) as error:
        problems.append(f"{what}: {' '.join(str(error).split())[:200]}")


def _put(label: str, rows: list[Mapping[str, Any]]) -> int:
    return insert_rows(coming_back()[label], rows, unless_there=True)


def _take_back_page(told: Mapping[str, Any], mine: Mapping[str, Held], by: Actor, via: Door, at: datetime) -> None:
    """The page stands here as the merger of both sites' knowledge says; its alarms are here."""
    row = dict(told["row"])
    page_id = UUID(row["id"])
    changed = datetime.fromisoformat(told["changed_at"])
    theirs = Held(row["state"], changed, row["owner_id"], row["rung"], row["rings"], row["resolution"])
    due_at = datetime.fromisoformat(told["due_at"]) if told.get("due_at") else None
    target = Page.objects.filter(id=page_id).first()
    if target is None:
        twin = _twin(told)
        _insert_page(row, told, twin, at)
        if twin is None:
            if theirs.state != "resolved":
                _carry_on(page_id, theirs, due_at, False, by, via, at)
            return
        page_id, standing = twin.pk, queries.held(twin, twin.started_at)
    elif target.folded_into_id is not None:
        page_id = target.folded_into_id
        twin = Page.objects.get(id=page_id)
        standing = queries.held(twin, twin.started_at)
    else:
        standing = mine[str(page_id)]
    match move(standing, theirs):
        case "acknowledge" if theirs.owner is not None:
            # As of then: who took it at three was awake at three.
            acknowledge_page(page_id=page_id, by=actor_of_person(theirs.owner), via=via, at=changed)
        case "resolve":
            resolve_page(page_id=page_id, resolution=theirs.resolution, by=by, via=via, at=changed)
        case "ring_on" | "wake" as what:
            _carry_on(page_id, theirs, due_at, what == "wake", by, via, at)
        case _:
            pass


def _carry_on(
    page_id: UUID, theirs: Held, due_at: datetime | None, woken: bool, by: Actor, via: Door, at: datetime
) -> None:
    carry_on_page(
        page_id=page_id, rung=theirs.rung, rings=theirs.rings, due_at=due_at or at, woken=woken, by=by, via=via, at=at
    )


def _twin(told: Mapping[str, Any]) -> Page | None:
    """The page that is open here for the same fault, where its sender told both sites."""
    for alarm in told.get("alarms", ()):
        here = Alarm.objects.filter(
            integration_id=alarm["integration_id"], dedup_key=alarm["dedup_key"], resolved_at=None, page__isnull=False
        ).select_related("page")
        for known in here.exclude(id=alarm["id"]):
            return known.page
    return None


def _insert_page(row: dict[str, Any], told: Mapping[str, Any], twin: Page | None, at: datetime) -> None:
    row["code"] = code_for(UUID(row["id"]), row["code"], at)
    if twin is not None:
        folded = {"folded_into_id": str(twin.pk), "folded_at": at.isoformat(), "state": "resolved"}
        row |= folded | {"resolved_at": row["resolved_at"] or at.isoformat()}
    _put("paging.Page", [row])
    if twin is None:
        _put("paging.Alarm", list(told.get("alarms", ())))


def _take_back_outage(row: Mapping[str, Any], batch: Mapping[str, Any]) -> None:
    """An outage that was made there is here, with what fails and whom it touches; one that is here stays as it is."""
    if Outage.objects.filter(pk=row["id"]).exists():
        return
    _put("outages.Outage", [{**row, "number": number_for(row["brand_id"], UUID(row["id"]), row["number"])}])
    for label in ("outages.FailedPart", "outages.Touched", "outages.Affected"):
        _put(label, [each for each in batch["rows"].get(label, ()) if each["outage_id"] == row["id"]])


def _take_back_update(row: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    update_id, outage_id = UUID(row["id"]), UUID(row["outage_id"])
    if Update.objects.filter(pk=update_id).exists():
        return
    _put("outages.Update", [{**row, "number": number_of_update_for(outage_id, update_id, row["number"])}])
    follow_update(update_id=update_id, by=by, via=via, at=at)


# --- Drills ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def agree_to_drill(*, person_id: int, by: Actor, via: Door, at: datetime) -> Drill:
    """The person may be paged by the second site, for real, within a day. Only they themselves say so. Repeating it renews it.

    Raises Forbidden, NotFound, IllegalTransition while another drill waits or runs.
    """
    if brands_for(by, "agree_to_drill") == set():
        raise forbidden(by, "agree_to_drill")
    asked = _("Somebody agreed to a drill.")
    if by.person_id is None or by.person_id != person_id:
        raise Invalid(asked, _("It was not they themselves."), _("Ask them to say so by their own log-in."))
    person = Person.objects.get(pk=person_id)
    waiting = Drill.objects.select_for_update().filter(ended_at=None).first()
    if waiting is not None and waiting.started_at is None and waiting.agreed_at + DRILL_WITHIN <= at:
        waiting.delete()
        waiting = None
    if waiting is not None and (waiting.person_id != person_id or waiting.started_at is not None):
        raise IllegalTransition(asked, _("Another drill waits or runs."), _("Wait until that is over."))
    if waiting is None:
        drill = Drill.objects.create(person=person, agreed_at=at)
    else:
        drill = waiting
        drill.agreed_at = at
        drill.save(update_fields=["agreed_at"])
    record(DRILL_AGREED, subject=("drill", drill.pk), by=by, via=via, at=at, facts={"person": person.name})
    return drill


@transaction.atomic
def start_drill(*, by: Actor, via: Door, at: datetime) -> Drill:
    """The second site pages whoever agreed, at its next pull. Raises Forbidden, NotFound, IllegalTransition."""
    if brands_for(by, "start_drill") == set():
        raise forbidden(by, "start_drill")
    asked = _("A drill of the second site was to start.")
    row = _locked(asked)
    if row.heard_at is None or at - row.heard_at > queries.STALE_AFTER:
        raise IllegalTransition(
            asked, _("The second site has not pulled lately."), _("See that it runs: nightdesk doctor")
        )
    drill = Drill.objects.select_for_update().filter(ended_at=None).select_related("person").first()
    if drill is None or (drill.started_at is None and drill.agreed_at + DRILL_WITHIN <= at):
        raise NotFound(
            asked,
            _("Nobody has agreed to it within the last day."),
            _("Ask whoever is on duty to agree under Settings, Second site."),
        )
    if drill.started_at is None:
        drill.started_at = at
        drill.save(update_fields=["started_at"])
        facts = {"person": drill.person.name}
        record(DRILL_STARTED, subject=("drill", drill.pk), by=by, via=via, at=at, facts=facts)
    return drill


def _end_drill(told: Mapping[str, Any], by: Actor, via: Door, at: datetime) -> None:
    drill = Drill.objects.select_for_update().select_related("person").filter(pk=told["id"], ended_at=None).first()
    if drill is None:
        return
    drill.ended_at, drill.report = at, dict(told["report"])
    drill.save(update_fields=["ended_at", "report"])
    took = drill.report.get("acknowledged_ms")
    outcome = _("nobody answered") if took is None else _("answered after {s} s").format(s=round(took / 1000))
    facts = {"person": drill.person.name, "outcome": outcome}
    record(DRILL_ENDED, subject=("drill", drill.pk), by=by, via=via, at=at, facts=facts)
