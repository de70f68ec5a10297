"""Spares: what lies ready at which site, taken out and put back."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.knowledge.sections import crumbs_of, form_in, joined, list_in, refused
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
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import as_lines
from nightdesk.knowledge import queries
from nightdesk.knowledge import spare_actions as actions
from nightdesk.knowledge.models import Spare

LAST = 20


def _all(request: StaffRequest) -> QuerySet[Spare]:
    return Spare.objects.filter(within(request.brands)).select_related("brand")


def _chosen(request: StaffRequest) -> QuerySet[Spare]:
    rows = _all(request)
    if text := asked(request, "q"):
        rows = rows.filter(Q(what__icontains=text) | Q(site__icontains=text) | Q(place__icontains=text))
    if site := asked(request, "site"):
        rows = rows.filter(site=site)
    if asked(request, "state", ["low"]):
        rows = queries.low_spares(rows)
    return rows.order_by("site", "what", "id")


@staff("read_spares")
def spares(request: StaffRequest) -> HttpResponse:
    """What lies where, and of what there is too little."""
    here, pager = one_page(request, _chosen(request))
    low = queries.low_spares(_all(request)).count()
    sites = {site: site for site in _all(request).order_by("site").values_list("site", flat=True).distinct()}
    filtered = clear_url(request)
    heading = _("Enough spares everywhere")
    if low:
        text = ngettext("{count} spare is running out", "{count} spares are running out", low)
        heading = text.format(count=low)
    if not here:
        heading = _("No spare is like that") if filtered else _("No spare is on the list yet")
    new = {"url": reverse("console:new_spare"), "label": _("Note a spare")}
    return list_in(
        request,
        "spares",
        heading,
        rows=[
            row(
                f"{each.what} · {each.site}",
                reverse("console:spare", args=[each.pk]),
                joined(each.place, each.contact, _counted(each, _("counted {when}")), each.brand.name),
                [_tag(each)],
            )
            for each in here
        ],
        pager=pager,
        new=new if may_somewhere(request, "save_spare") else None,
        filters=[
            search_box(asked(request, "q"), _("What or where")),
            select("site", _("Site"), asked(request, "site"), sites, _("Every site")),
            select("state", _("State"), asked(request, "state", ["low"]), {"low": _("Running out")}, _("Any")),
        ],
        clear_url=filtered,
        csv_url=csv_url(request, reverse("console:spares_csv")),
        empty_text=_("Note what lies ready at each site, where, and who opens the door: it is looked for at night."),
    )


def _tag(each: Spare) -> dict[str, str]:
    if each.is_low:
        return {"text": _("{count} left, get more").format(count=each.count), "tone": "accent"}
    return {"text": _("{count} there").format(count=each.count), "tone": ""}


def _counted(each: Spare, words: str = "{when}") -> str:
    """When it was last counted and by whom, put into `words`; "" where it never was."""
    if each.counted_at is None:
        return ""
    day = date_format(localtime(each.counted_at), "j M Y")
    return words.format(when=_("{day} by {name}").format(day=day, name=each.counted_by))


@staff("read_spares")
def spares_csv(request: StaffRequest) -> HttpResponse:
    """The same as a file."""
    header = ["id", "brand", "site", "what", "place", "contact", "count", "low_at", "counted_at", "counted_by"]
    rows = (
        [
            each.pk, each.brand, each.site, each.what, each.place, each.contact, each.count, each.low_at,
            each.counted_at, each.counted_by,
        ]
        for each in _chosen(request)[:EXPORTED]
    )  # fmt: skip
    return as_csv("spares", header, rows)


class SpareForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    what = forms.CharField(label=gettext_lazy("What it is"), max_length=160)
    site = forms.CharField(label=gettext_lazy("Site"), max_length=120)
    place = forms.CharField(label=gettext_lazy("Where it lies"), max_length=160, required=False)
    contact = forms.CharField(
        label=gettext_lazy("Who opens the door"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("A name, and how they are reached at night."),
    )
    count = forms.IntegerField(label=gettext_lazy("How many lie there"), min_value=0, max_value=actions.MOST, initial=1)
    low_at = forms.IntegerField(
        label=gettext_lazy("Too few from"),
        min_value=0,
        max_value=actions.MOST,
        initial=0,
        help_text=gettext_lazy("With so many or fewer left, somebody should get more. 0: never."),
    )

    def __init__(self, *args: Any, request: StaffRequest, spare: Spare | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if spare is not None:
            del self.fields["brand"], self.fields["count"]
        else:
            self.fields["brand"].choices = brand_choices(request.actor, "save_spare")  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    number = forms.IntegerField(label=gettext_lazy("How many"), min_value=1, max_value=actions.MOST, initial=1)
    why = forms.CharField(label=gettext_lazy("What for"), max_length=300, required=False)


class CountForm(forms.Form):
    count = forms.IntegerField(label=gettext_lazy("How many lie there"), min_value=0, max_value=actions.MOST)


def _save(request: StaffRequest, form: SpareForm, brand_id: int, spare_id: int | None) -> Spare | None:
    values = {name: value for name, value in form.cleaned_data.items() if name != "brand"}
    try:
        return actions.save_spare(
            brand_id=brand_id, spare_id=spare_id, **values, by=request.actor, via=Door.WEB, at=request.at
        )
    except Refusal as refusal:
        refused(form, None, refusal)
        return None


@form_page("save_spare")
def new_spare(request: StaffRequest) -> HttpResponse:
    """Something that lies ready."""
    form = SpareForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        made = _save(request, form, int(form.cleaned_data["brand"]), None)
        if made is not None:
            return done(request, _("It is on the list."), "console:spare", made.pk)
    return form_in(request, "spares", form, _("Note a spare"), _("Put it on the list"))


@form_page("save_spare")
def change_spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """Where it lies, and who opens the door."""
    shown = _one(request, spare_id)
    initial = {name: getattr(shown, name) for name in ("what", "site", "place", "contact", "low_at")}
    form = SpareForm(request.POST or None, request=request, spare=shown, initial=initial)
    if request.method == "POST" and form.is_valid() and _save(request, form, shown.brand_id, shown.pk) is not None:
        return done(request, _("Saved."), "console:spare", shown.pk)
    cancel_url = reverse("console:spare", args=[shown.pk])
    return form_in(request, "spares", form, shown.what, _("Save it"), cancel_url=cancel_url)


def _one(request: StaffRequest, spare_id: int) -> Spare:
    return found(_all(request).filter(id=spare_id), _("You asked for a spare."))


@staff("read_spares")
def spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """One spare: where it is, and who took or brought some."""
    shown = _one(request, spare_id)
    entries = Entry.objects.filter(subject_kind="spare", subject_id=str(shown.pk)).order_by("-at", "-id")[:LAST]
    context = {
        "here": "procedures",
        "crumbs": crumbs_of("spares"),
        "spare": shown,
        "heading": f"{shown.what}, {shown.site}",
        "tag": _tag(shown),
        "facts": [
            (label, value)
            for label, value in (
                (_("How many"), str(shown.count)),
                (_("Where it lies"), shown.place),
                (_("Who opens the door"), shown.contact),
                (_("Counted"), _counted(shown)),
                (_("Too few from"), str(shown.low_at) if shown.low_at else _("no number")),
                (_("Brand"), shown.brand.name),
            )
            if value
        ],
        "buttons": [
            {"label": _("Change"), "url": reverse("console:change_spare", args=[shown.pk]), "get": True}
            for _once in range(may(request, "save_spare", shown.brand_id))
        ],
        "forms": _forms(request, shown),
        "remove": {
            "label": _("Take it off the list"),
            "url": reverse("console:remove_spare", args=[shown.pk]),
            "tone": "fire",
        }
        if may(request, "remove_spare", shown.brand_id)
        else None,
        "events": [
            {
                "at": line.at,
                "text": line.sentence,
                "detail": line.text or "",
                "tone": "",
                "future": False,
                "late": False,
            }
            for line in as_lines(list(entries))
        ],
    }
    return render(request, "console/spare.html", context)


def _forms(request: StaffRequest, shown: Spare) -> list[dict[str, Any]]:
    wanted = (
        ("take_spare", _("Take some out"), MoveForm(prefix="take"), _("Take out"), True),
        ("return_spare", _("Put some back"), MoveForm(prefix="back"), _("Put back"), False),
        ("count_spare", _("Count them"), CountForm(initial={"count": shown.count}), _("So many are there"), False),
    )
    return [
        {"id": verb, "title": title, "form": form, "label": label, "main": main,
         "url": reverse(f"console:{verb}", args=[shown.pk])}
        for verb, title, form, label, main in wanted
        if may(request, verb, shown.brand_id)
    ]  # fmt: skip


@posting("take_spare")
def take_spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """So many fewer lie there."""
    shown = _one(request, spare_id)
    values = checked(MoveForm(request.POST, prefix="take"), _("You wanted to take spares out."))
    left = actions.take_spare(spare_id=shown.pk, **values, by=request.actor, via=Door.WEB, at=request.at).count
    return done(request, _("Taken out; {count} are left.").format(count=left), "console:spare", shown.pk)


@posting("return_spare")
def return_spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """So many more lie there."""
    shown = _one(request, spare_id)
    values = checked(MoveForm(request.POST, prefix="back"), _("You wanted to put spares back."))
    left = actions.return_spare(spare_id=shown.pk, **values, by=request.actor, via=Door.WEB, at=request.at).count
    return done(request, _("Put back; {count} are there.").format(count=left), "console:spare", shown.pk)


@posting("count_spare")
def count_spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """Somebody looked."""
    shown = _one(request, spare_id)
    values = checked(CountForm(request.POST), _("You wanted to say how many lie there."))
    actions.count_spare(spare_id=shown.pk, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Counted."), "console:spare", shown.pk)


@posting("remove_spare")
def remove_spare(request: StaffRequest, spare_id: int) -> HttpResponse:
    """It stands on the list no more."""
    shown = _one(request, spare_id)
    actions.remove_spare(spare_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("“{what}” is off the list.").format(what=shown.what), "console:spares")
