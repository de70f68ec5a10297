"""What to say: short texts for the desk, shown once somebody approved them."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.knowledge.sections import FitForm, form_in, joined, list_in, refused, where
from nightdesk.console.views.lists import EXPORTED, as_csv, asked, clear_url, csv_url, one_page, search_box, select
from nightdesk.console.views.settings.sections import row
from nightdesk.console.views.staff import (
    StaffRequest,
    done,
    form_page,
    found,
    may,
    may_somewhere,
    posting,
    staff,
    within,
)
from nightdesk.knowledge import queries
from nightdesk.knowledge import wording_actions as actions
from nightdesk.knowledge.models import Saying

STATES = {"approved": gettext_lazy("Approved"), "waiting": gettext_lazy("Waits to be approved")}


def _all(request: StaffRequest) -> QuerySet[Saying]:
    rows = Saying.objects.filter(within(request.brands), removed_at=None)
    return rows.select_related("brand").prefetch_related("services")


def _chosen(request: StaffRequest) -> QuerySet[Saying]:
    rows = _all(request)
    if not may_somewhere(request, "save_saying"):
        rows = rows.filter(approved_at__isnull=False)  # whoever only answers for us says what is approved
    if text := asked(request, "q"):
        rows = rows.filter(Q(title__icontains=text) | Q(text__icontains=text))
    if state := asked(request, "state", STATES):
        rows = rows.filter(approved_at__isnull=state == "waiting")
    return rows.order_by("title", "id")


@staff("read_sayings")
def sayings(request: StaffRequest) -> HttpResponse:
    """What the desk may say, per service and kind of call."""
    kinds = queries.call_kinds(request.brands)
    here, pager = one_page(request, _chosen(request))
    waiting = _chosen(request).filter(approved_at=None).count()
    heading = _("What the desk may say")
    if waiting:
        text = ngettext("{count} text waits to be approved", "{count} texts wait to be approved", waiting)
        heading = text.format(count=waiting)
    filtered = clear_url(request)
    if not here:
        heading = _("No text is like that") if filtered else _("No text is approved yet")
    new = {"url": reverse("console:new_saying"), "label": _("Write what to say")}
    return list_in(
        request,
        "sayings",
        heading,
        rows=[_row(request, each, kinds) for each in here],
        pager=pager,
        new=new if may_somewhere(request, "save_saying") else None,
        filters=[
            search_box(asked(request, "q"), _("Words")),
            select("state", _("State"), asked(request, "state"), {k: str(v) for k, v in STATES.items()}, _("Any")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:sayings_csv")),
        empty_text=_("Short words for the telephone; a manager approves them, and they stand beside what they fit."),
    )


def _row(request: StaffRequest, each: Saying, kinds: dict[str, str]) -> dict[str, Any]:
    buttons = []
    if each.approved_at is None and may(request, "approve_saying", each.brand_id):
        url = reverse("console:approve_saying", args=[each.pk])
        buttons.append({"label": _("Approve it"), "url": url})
    tag = {"text": _("Approved"), "tone": "calm"} if each.approved_at else {"text": _("Not approved"), "tone": "accent"}
    fits = where([one.name for one in each.services.all()], each.calls, kinds)
    url = reverse("console:saying", args=[each.pk]) if may(request, "save_saying", each.brand_id) else ""
    return row(each.title, url, f"“{each.text}” {joined(*fits, each.brand.name)}", [tag], buttons)


@staff("read_sayings")
def sayings_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = [
        "id",
        "title",
        "text",
        "brand",
        "services",
        "calls",
        "written_by",
        "written_at",
        "approved_by",
        "approved_at",
    ]
    rows = (
        [
            each.pk, each.title, each.text, each.brand, ", ".join(one.name for one in each.services.all()),
            ", ".join(each.calls), each.written_by, each.written_at, each.approved_by, each.approved_at,
        ]
        for each in _chosen(request)[:EXPORTED]
    )  # fmt: skip
    return as_csv("what-to-say", header, rows)


class SayingForm(FitForm):
    title = forms.CharField(label=gettext_lazy("About what"), max_length=120)
    text = forms.CharField(
        label=gettext_lazy("What to say"),
        max_length=actions.LONGEST_SAYING,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("As it is said at the telephone. A changed text has to be approved again."),
    )
    field_order = ("brand", "title", "text")


def _saved(request: StaffRequest, form: SayingForm, brand_id: int, saying_id: int | None) -> bool:
    try:
        actions.save_saying(
            brand_id=brand_id,
            saying_id=saying_id,
            title=form.cleaned_data["title"],
            text=form.cleaned_data["text"],
            service_ids=form.cleaned_data["services"],
            calls=form.cleaned_data["calls"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
    except Refusal as refusal:
        refused(form, None, refusal)
        return False
    return True


@form_page("save_saying")
def new_saying(request: StaffRequest) -> HttpResponse:
    """Words that wait to be approved."""
    form = SayingForm(request.POST or None, request=request, verb="save_saying")
    if request.method == "POST" and form.is_valid() and _saved(request, form, int(form.cleaned_data["brand"]), None):
        return done(request, _("Saved. The desk sees it once it is approved."), "console:sayings")
    return form_in(request, "sayings", form, _("Write what to say"), _("Save it"))


@form_page("save_saying")
def saying(request: StaffRequest, saying_id: int) -> HttpResponse:
    """Other words, which have to be approved again."""
    shown = found(_all(request).filter(id=saying_id), _("You asked for what to say."))
    initial = {
        "title": shown.title,
        "text": shown.text,
        "services": [one.pk for one in shown.services.all()],
        "calls": shown.calls,
    }
    form = SayingForm(
        request.POST or None, request=request, verb="save_saying", brand_id=shown.brand_id, initial=initial
    )
    if request.method == "POST" and form.is_valid() and _saved(request, form, shown.brand_id, shown.pk):
        return done(request, _("Saved. The desk sees it once it is approved."), "console:sayings")
    more: dict[str, Any] = {}
    if may(request, "remove_saying", shown.brand_id):
        url = reverse("console:remove_saying", args=[shown.pk])
        more = {"extra": "console/one_action.html", "action": {"label": _("Remove it"), "url": url, "tone": "fire"}}
    return form_in(request, "sayings", form, shown.title, _("Save it"), **more)


@posting("approve_saying")
def approve_saying(request: StaffRequest, saying_id: int) -> HttpResponse:
    """The desk is shown it from now on."""
    shown = found(_all(request).filter(id=saying_id), _("You asked for what to say."))
    actions.approve_saying(saying_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{title}” may be said now.").format(title=shown.title), "console:sayings")


@posting("remove_saying")
def remove_saying(request: StaffRequest, saying_id: int) -> HttpResponse:
    """Nobody is shown it any more."""
    shown = found(_all(request).filter(id=saying_id), _("You asked for what to say."))
    actions.remove_saying(saying_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{title}” is removed.").format(title=shown.title), "console:sayings")
