"""`nightdesk report incident list`, `show ID`, `draft OUTAGE`, `approve ID`, `publish ID`, `credits ID`."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for
from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock, fields
from nightdesk.base.actors import Actor, Door
from nightdesk.base.refusals import NotFound
from nightdesk.outages.models import Outage
from nightdesk.paging.management.commands.ack import actor_named
from nightdesk.reports import incident_actions, incident_queries
from nightdesk.reports.incident_models import IncidentReport
from nightdesk.reports.incident_writing import FORMS, staff_document


class Command(BaseCommand):
    help = "Reports: of incidents, drafted from the record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        of = parser.add_subparsers(dest="of", required=True)
        what = of.add_parser("incident", help="reports of outages").add_subparsers(dest="what", required=True)
        parsers = {
            "list": what.add_parser("list", help="the newest reports"),
            "show": what.add_parser("show", help="one, as Markdown, HTML or PDF"),
            "draft": what.add_parser("draft", help="draw one up from the record"),
            "approve": what.add_parser("approve", help="it is what we say of it"),
            "publish": what.add_parser("publish", help="customers can read their version"),
            "credits": what.add_parser("credits", help="what is due to customers, as JSON"),
        }
        for name, each in parsers.items():
            each.add_argument("--as", dest="email", help="e-mail address of who does it")
            if name != "list":
                each.add_argument("outage", help="the outage, as O-1042, or the id of its report")
        parsers["list"].add_argument("--json", action="store_true")
        parsers["show"].add_argument("--format", choices=sorted(FORMS), default="markdown")
        parsers["show"].add_argument("--zone", help="by whose clocks; default: the brand's")
        parsers["show"].add_argument("--to", type=Path, help="write it to this file")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        by = actor_named(options["email"]) if options["email"] else OPERATOR
        doing: dict[str, Any] = {"by": by, "via": Door.CLI, "at": clock.now()}
        match options["what"]:
            case "list":
                self._list(by, options)
            case "draft":
                report = incident_actions.draft_incident_report(outage_id=_outage(options["outage"]).pk, **doing)
                self.stdout.write(_("Its outage goes on.") if report is None else str(report.pk))
            case "show":
                self._show(_report(options["outage"], by), options)
            case "approve":
                found = _report(options["outage"], by)
                incident_actions.approve_incident_report(report_id=found.pk, seen=found.version, **doing)
            case "publish":
                incident_actions.publish_incident_report(report_id=_report(options["outage"], by).pk, **doing)
            case "credits":
                for each in incident_queries.credits_of(_report(options["outage"], by)):
                    said = {"customer": each.lost.customer, "service": each.lost.service, "minutes": each.minutes}
                    said |= {"amount": str(each.amount), "currency": each.currency}
                    self.stdout.write(json.dumps(said, ensure_ascii=False))

    def _list(self, by: Actor, options: dict[str, Any]) -> None:
        found = incident_queries.reports(brands_for(by, "read_incident_reports"))[:50]
        rows = [
            {"id": str(one.pk), "outage": one.outage.name, "title": one.outage.title, "state": one.state}
            for one in found
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows, ensure_ascii=False))
            return
        for row in rows:
            self.stdout.write(f"{row['outage']}  {row['state']}  {row['title']}  {row['id']}")
        if not rows:
            self.stdout.write(_("There are none."))

    def _show(self, report: IncidentReport, options: dict[str, Any]) -> None:
        if not report.drafted:
            raise NotFound(_("A report was asked for."), _("Its outage goes on."), _("Wait until it is over."))
        zone = fields.zone(options["zone"]) if options["zone"] else report.brand.zone
        make, _kind, _ending = FORMS[options["format"]]
        content = make(staff_document(report, zone))
        if options["to"]:
            options["to"].write_bytes(content)
        elif options["format"] == "pdf":
            raise CommandError(_("A PDF is no text: say with --to where it goes."))
        else:
            self.stdout.write(content.decode())


def _outage(named: str) -> Outage:
    number = named.upper().removeprefix("O-")
    found = Outage.objects.filter(number=int(number)).order_by("-began_at").first() if number.isdecimal() else None
    if found is None:
        raise NotFound(_("Outage %s was named.") % named[:40], _("There is none."), _("Give one such as O-1042."))
    return found


def _report(named: str, by: Actor) -> IncidentReport:
    """The report of that id, or of that outage, where `by` may read it. Raises NotFound."""
    try:
        return incident_queries.report(UUID(named), by)
    except ValueError:
        pass
    found = IncidentReport.objects.filter(outage=_outage(named)).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound(_("The report of %s was named.") % named, _("There is none yet."), _("Draft it first."))
    return incident_queries.report(found, by)
