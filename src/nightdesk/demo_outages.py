"""Quayside's outages: one that is open and told, one of some nights ago with its whole story, and one that an alarm proposes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from nightdesk.access.models import Brand
from nightdesk.base.actors import SCHEDULER, Door
from nightdesk.base.promises import void_promises
from nightdesk.desk.models import Ticket
from nightdesk.duty.diary_actions import write_journal_note
from nightdesk.outages import actions
from nightdesk.outages.models import Outage, Part, Update
from nightdesk.people.models import Person, Team
from nightdesk.people.queries import actor_of_person
from nightdesk.reports import incident_actions

STATEMENTS = (
    (
        "We look into it",
        "investigating",
        True,
        {
            "en-gb": "Sorry: {{ what }} stopped working properly. We are looking into it. {{ engineer }}",
            "de": "Entschuldigung: {{ what }} arbeitet nicht richtig. Wir sehen nach. {{ engineer }}",
        },
    ),
    (
        "A part of ours",
        "identified",
        False,
        {
            "en-gb": "It is a part of ours, and we are replacing it.",
            "de": "Es ist ein Gerät von uns, und wir tauschen es aus.",
        },
    ),
    (
        "The carrier's line",
        "identified",
        False,
        {
            "en-gb": "A line that we buy from another company is cut. They are repairing it, and we keep asking.",
            "de": "Eine Leitung, die wir mieten, ist unterbrochen. Sie wird repariert, und wir fragen nach.",
        },
    ),
    (
        "It works, we watch",
        "monitoring",
        False,
        {
            "en-gb": "It works again. We watch it for a while before we call it over.",
            "de": "Es geht wieder. Wir beobachten es noch.",
        },
    ),
    ("It is over", "resolved", False, {"en-gb": "It is over. Nothing is left for you to do.", "de": "Es ist vorbei."}),
)


Sent = Callable[[str, UUID, datetime], None]
"""(kind, id, instant): what lies in the ledger about it went out then."""

NOTED = (
    (timedelta(hours=5, minutes=12), "Amara", "Quiet so far. The fan in rack 3 is loud again; nothing is hot."),
    (timedelta(minutes=26), "Mikael", "The landlord says that the power at Dock Street is theirs and is fine."),
)
"""What was noted in the journal: how long ago, and by whom."""
REPORTED = {
    "cause": "The batteries of two disk controllers, of one batch, gave out in the same week.",
    "went_well": "The queue held everything; nothing was lost.",
    "went_badly": "Nobody looked at the age of the batteries.",
    "prevention": "All controllers of that batch are replaced, and the age of batteries is watched.",
}
REPORTING: dict[str, Any] = {
    "customer_days": 5,
    "packs": ["gb-telecoms", "data-protection"],
    "credits": {"prices": {"mail": "12.00"}, "steps": [{"minutes": 60, "percent": 5}, {"minutes": 480, "percent": 25}]},
}
"""How Quayside reports incidents."""


def tell_outages(brand: Brand, at: datetime, sent: Sent) -> None:
    """Words for 4 AM, the rules, and three outages, made by the verbs."""
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": at}
    for place, (name, goes_to, holding, texts) in enumerate(STATEMENTS):
        actions.save_statement_template(
            brand_id=brand.pk, name=name, goes_to=goes_to, texts=texts, holding=holding, position=place, **doing
        )
    desk = Team.objects.filter(brand=brand).order_by("id").first()
    actions.save_outage_rules(brand_id=brand.pk, fields={"desk_id": desk.pk if desk else None}, **doing)
    _over(brand, at - timedelta(days=4, hours=3), sent)
    _open(brand, at - timedelta(minutes=31), sent)
    _proposed(brand, at - timedelta(minutes=2))
    for before, name, words in NOTED:
        write_journal_note(words=words, brand_id=brand.pk, **_by(brand, name, at - before))


def _over(brand: Brand, at: datetime, sent: Sent) -> None:
    """The mail cluster, told from the first word to what had happened."""
    outage = _begin(brand, "Two mail servers lost their disks", ("mx1", "mx2"), "major", at)
    _say(
        sent, outage, "investigating", "Mail is delayed. Nothing is lost: it waits with us.", at + timedelta(minutes=4)
    )
    at_found = at + timedelta(minutes=31)
    _say(sent, outage, "identified", "A part of ours has failed, and we are replacing it.", at_found, minutes=90)
    _say(sent, outage, "monitoring", "Mail is delivered again. The queue empties.", at + timedelta(minutes=74))
    _say(sent, outage, "resolved", "Every mail that waited is delivered.", at + timedelta(minutes=112))
    what = "A disk controller lost its battery, and two servers stopped. All of them were replaced on Thursday."
    _reported(brand, outage, what, at, sent)


def _reported(brand: Brand, outage: Outage, what: str, at: datetime, sent: Sent) -> None:
    """Its report: drafted, written on, with something to be done, approved, and given to customers."""
    incident_actions.save_incident_rules(brand_id=brand.pk, fields=REPORTING, by=SCHEDULER, via=Door.CLI, at=at)
    drafted_at, told_at = at + timedelta(minutes=113), at + timedelta(hours=33)
    report = incident_actions.draft_incident_report(outage_id=outage.pk, by=SCHEDULER, via=Door.WORKER, at=drafted_at)
    assert report is not None
    incident_actions.edit_incident_report(
        report_id=report.pk,
        seen=1,
        words={"for_customers": what, **REPORTED},
        typed=[{"at": at + timedelta(minutes=40), "words": "The spare controllers left the store at Dock Street"}],
        **_by(brand, "Mikael", told_at - timedelta(hours=4)),
    )
    due_on = (told_at + timedelta(days=21)).date()
    incident_actions.add_follow_up(
        report_id=report.pk, title="Read the age of controller batteries each week", owner_id=_person(brand, "Amara"),
        due_on=due_on, **_by(brand, "Mikael", told_at - timedelta(hours=3)),
    )  # fmt: skip
    doing: dict[str, Any] = {"by": SCHEDULER, "via": Door.CLI, "at": told_at}
    incident_actions.approve_incident_report(report_id=report.pk, seen=2, **doing)
    incident_actions.publish_incident_report(report_id=report.pk, **doing)
    void_promises(("incident_report", report.pk), at=told_at)
    _send(sent, outage, outage.updates.order_by("-number")[0], told_at)


def _open(brand: Brand, at: datetime, sent: Sent) -> None:
    """An access switch at Dock Street, with a first word and a second."""
    outage = _begin(brand, "Access switch sw3 at Dock Street is dark", ("sw3",), "major", at)
    _say(
        sent,
        outage,
        "investigating",
        "A switch at our Dock Street site stopped responding. We are looking into it.",
        at + timedelta(minutes=5),
    )
    text = "A power supply has failed. The spare is on its way to Dock Street."
    _say(sent, outage, "identified", text, at + timedelta(minutes=21), minutes=30, estimate=150)
    fields = {"cause": "PSU of sw3 burnt out; the one in cage 2 is fitted next. Landlord's fuse is fine."}
    actions.edit_outage(outage_id=outage.pk, fields=fields, **_by(brand, "Mikael", at + timedelta(minutes=22)))


def _proposed(brand: Brand, at: datetime) -> None:
    """A line to Mill Lane: its twin still carries everything, so that nothing stops."""
    outage = actions.propose_outage(
        brand_id=brand.pk,
        title="Circuit LON-1187 has no light",
        parts=_parts(brand, ("lon-1187",)),
        severity="minor",
        **_by(brand, "Amara", at),
    )
    void_promises(("outage", outage.pk), at=at)


def _begin(brand: Brand, title: str, keys: tuple[str, ...], severity: str, at: datetime) -> Outage:
    doing = _by(brand, "Mikael", at + timedelta(minutes=2))
    outage = actions.propose_outage(
        brand_id=brand.pk, title=title, parts=_parts(brand, keys), severity=severity, began_at=at, **doing
    )
    return actions.confirm_outage(outage_id=outage.pk, fixer_id=_person(brand, "Amara"), **doing)


def _say(
    sent: Sent, outage: Outage, state: str, text: str, at: datetime, *, minutes: int = 30, estimate: int | None = None
) -> None:
    """Written, approved as its writer may, and in the ledger as if it had gone out then."""
    over = state == "resolved"
    update = actions.write_update(
        outage_id=outage.pk,
        state=state,
        texts={"en-gb": text},
        next_at=None if over else at + timedelta(minutes=minutes),
        estimate_at=at + timedelta(minutes=estimate) if estimate else None,
        **_by(outage.brand, "Mikael", at),
    )
    _send(sent, outage, update, at)


def _send(sent: Sent, outage: Outage, update: Update, at: datetime) -> None:
    void_promises(("update", update.pk), at=at)
    actions.send_update(update_id=update.pk, by=SCHEDULER, via=Door.WORKER, at=at)
    sent("outage", outage.pk, at)
    for ticket in Ticket.objects.filter(outage=outage):
        sent("ticket", ticket.pk, at)


def _by(brand: Brand, name: str, at: datetime) -> dict[str, Any]:
    return {"by": actor_of_person(_person(brand, name)), "via": Door.WEB, "at": at}


def _person(brand: Brand, name: str) -> int:
    return (
        Person.objects.filter(name__startswith=name, user__grants__brand=brand).values_list("id", flat=True)[:1].get()
    )


def _parts(brand: Brand, keys: tuple[str, ...]) -> dict[int, int]:
    return dict.fromkeys(Part.objects.filter(brand=brand, key__in=keys).values_list("id", flat=True), 3)
