"""Phone lines: numbers, hours, whom they ring, what callers hear before anybody rings; recordings of one's own."""

from dataclasses import asdict, fields
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.calls.divert_actions import check_divert
from nightdesk.calls.line_actions import LineWanted, keep_prompt, remove_prompt, retire_line, save_line
from nightdesk.calls.line_preview import previews_of, rung_at
from nightdesk.calls.line_queries import seats_of, skills_of
from nightdesk.calls.line_starts import STARTING_LINES
from nightdesk.calls.models import DivertCheck, Line, Recording
from nightdesk.calls.translated import PROMPTS
from nightdesk.console.views.calls.shown import number_text
from nightdesk.console.views.checked import checked, lines_of
from nightdesk.console.views.choices import LANGUAGES, brand_choices, pairs
from nightdesk.console.views.lists import as_csv
from nightdesk.console.views.settings.sections import form_in, row, section_page
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
from nightdesk.customers.models import Hours

NIGHTS = {
    "message": gettext_lazy("A message first: one engineer is paged, and rings back"),
    "live": gettext_lazy("Ring an engineer at once, one at a time"),
}
CONSENTS = {
    "told": gettext_lazy("Callers are told that it is recorded"),
    "may_decline": gettext_lazy("Callers are told, and may decline by a key"),
    "asked": gettext_lazy("Callers are asked, and agree by a key"),
}


class LineForm(forms.Form):
    """Every setting of a line; the lists are written one a line."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("As in “Support”."))
    numbers = forms.CharField(
        label=gettext_lazy("Numbers that callers ring"),
        widget=forms.Textarea(attrs={"rows": 2, "inputmode": "tel"}),
        help_text=gettext_lazy("One a line, as people dial them."),
    )
    shown_number = forms.CharField(
        label=gettext_lazy("Number that we show when we ring back"),
        max_length=30,
        help_text=gettext_lazy("One of yours, so that whoever rings it reaches you."),
    )
    pager_number = forms.CharField(
        label=gettext_lazy("Number that engineers see"),
        max_length=30,
        help_text=gettext_lazy("Always the same: let it through silent mode, and you know who rings."),
    )
    staff_number = forms.CharField(
        label=gettext_lazy("Number for your own people"),
        max_length=30,
        required=False,
        help_text=gettext_lazy(
            "It goes straight to the duty engineer; star and a PIN lead to the open pages, and 4 to a note for the journal."
        ),
    )
    country = forms.CharField(
        label=gettext_lazy("Country"),
        max_length=2,
        initial="GB",
        help_text=gettext_lazy("Two letters. It says which numbers may be shown, and how callers are asked."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES)
    hours = forms.ChoiceField(
        label=gettext_lazy("Hours"),
        required=False,
        help_text=gettext_lazy("Without them the line counts as open round the clock."),
    )
    greeting = forms.CharField(
        label=gettext_lazy("Greeting"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Spoken until you record your own. Without words we greet in your brand’s name."),
    )
    danger = forms.CharField(
        label=gettext_lazy("Words about danger"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Without words: in danger, ring 999 or 112. We never promise to ring them."),
    )
    menu = forms.CharField(
        label=gettext_lazy("Menu"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("One a line, one level only: key | what is said | skill. For example: 1 | Mail | mail"),
    )
    day_seats = forms.MultipleChoiceField(
        label=gettext_lazy("Seats that are rung in hours"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Without any, whoever is signed in is rung."),
    )
    night_seats = forms.MultipleChoiceField(
        label=gettext_lazy("Seats that are rung out of hours"), required=False, widget=forms.CheckboxSelectMultiple
    )
    night = forms.ChoiceField(
        label=gettext_lazy("Out of hours"),
        choices=list(NIGHTS.items()),
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Whoever buys a live answer gets one in either case."),
    )
    joins_s = forms.CharField(
        label=gettext_lazy("Further telephones join after (seconds)"),
        max_length=40,
        help_text=gettext_lazy("In hours. “4 8”: the second after 4 seconds, all of them after 8."),
    )
    ring_s = forms.IntegerField(
        label=gettext_lazy("A sleeper is rung for (seconds)"), min_value=10, max_value=60, initial=25
    )
    most_rung = forms.IntegerField(
        label=gettext_lazy("Sleepers rung for one call, at most"), min_value=1, max_value=10, initial=3
    )
    longest_hunt_s = forms.IntegerField(
        label=gettext_lazy("Callers are hunted for at most (seconds)"),
        min_value=4,
        max_value=600,
        required=False,
        help_text=gettext_lazy(
            "Then the answering service is rung beside the engineers, or the recorder has them. Left out: 5 where there is "
            "an outside answering service, else 120."
        ),
    )
    own_desk = forms.BooleanField(label=gettext_lazy("Our message desk takes calls"), required=False)
    bureau_number = forms.CharField(
        label=gettext_lazy("Number of an outside answering service"), max_length=30, required=False
    )
    call_back_minutes = forms.IntegerField(
        label=gettext_lazy("Call-back promised within (minutes)"), min_value=5, max_value=240, initial=30
    )
    consent = forms.ChoiceField(
        label=gettext_lazy("Recording"), choices=list(CONSENTS.items()), widget=forms.RadioSelect
    )
    keep_days = forms.IntegerField(
        label=gettext_lazy("Recordings are kept for (days)"), min_value=1, max_value=3650, initial=90
    )
    call_out_price = forms.CharField(
        label=gettext_lazy("Price of a call-out"),
        max_length=60,
        required=False,
        help_text=gettext_lazy(
            "Said to whoever is not covered, ex VAT: “95 pounds an hour”. Without it none is offered."
        ),
    )
    peer_skill = forms.ChoiceField(label=gettext_lazy("Networks that ring are taken by who knows"), required=False)
    divert_check_at = forms.TimeField(
        label=gettext_lazy("Ring the line from outside each evening at"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("By a second provider, so that a divert that was not set is noticed."),
    )
    divert_from = forms.CharField(label=gettext_lazy("Number to ring from then"), max_length=30, required=False)

    def __init__(self, *args: Any, brand: Brand, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seats = [(seat.key, f"{seat.name}, {seat.rota.name}") for seat in seats_of(brand.pk)]
        hours = Hours.objects.filter(brand=brand).order_by("name")
        choices: dict[str, Any] = {
            "day_seats": seats,
            "night_seats": seats,
            "hours": pairs(hours, _("Round the clock")),
            "peer_skill": pairs(skills_of(brand.pk).order_by("name"), _("whoever is next")),
        }
        for name, offered in choices.items():
            self.fields[name].choices = offered  # type: ignore[attr-defined]

    def clean_joins_s(self) -> list[int]:
        """Seconds, in the order in which they are written."""
        words = self.cleaned_data["joins_s"].replace(",", " ").split()
        if not words or not all(word.isascii() and word.isdecimal() and len(word) < 4 for word in words):
            raise forms.ValidationError(_("Write whole seconds, such as “4 8”."))
        return [int(word) for word in words]

    def clean_menu(self) -> list[dict[str, str]]:
        """Key, words and skill of each line."""
        found_ = []
        for line in lines_of(self.cleaned_data["menu"]):
            key, says, skill = ([part.strip() for part in line.split("|")] + ["", ""])[:3]
            if not says:
                raise forms.ValidationError(_("“%s” says nothing: write “1 | Mail | mail”.") % line[:60])
            found_.append({"key": key, "says": says, "skill": skill})
        return found_

    def wanted(self) -> LineWanted:
        """The line that the form describes."""
        values = dict(self.cleaned_data)
        values["numbers"] = lines_of(values["numbers"])
        values["hours_id"] = int(values.pop("hours") or 0) or None
        values["peer_skill_id"] = int(values.pop("peer_skill") or 0) or None
        values["call_back_s"] = values.pop("call_back_minutes") * 60
        return LineWanted(**values)


def _as_form(line: LineWanted) -> dict[str, Any]:
    """The form's values for a line as it is."""
    values = asdict(line)
    values |= {
        "numbers": "\n".join(line.numbers),
        "joins_s": " ".join(str(second) for second in line.joins_s),
        "menu": "\n".join(f"{each['key']} | {each['says']} | {each.get('skill', '')}" for each in line.menu),
        "hours": str(line.hours_id or ""),
        "peer_skill": str(line.peer_skill_id or ""),
        "call_back_minutes": line.call_back_s // 60,
    }
    return values


def _lines(request: StaffRequest) -> QuerySet[Line]:
    return Line.objects.filter(within(request.brands)).select_related("brand", "hours").order_by("-active", "name")


@staff("read_lines")
def lines(request: StaffRequest) -> HttpResponse:
    """Every phone line, those in use first."""
    rows = []
    for line in _lines(request):
        numbers = ", ".join(number_text(number, line) for number in line.numbers)
        hours = line.hours.name if line.hours is not None else _("round the clock")
        tags = [] if line.active else [{"text": _("retired"), "tone": ""}]
        url = reverse("console:line", args=[line.pk])
        rows.append(row(line.name, url, f"{numbers} · {line.brand.name} · {hours}", tags))
    active = sum(not each["tags"] for each in rows)
    news = [{"url": reverse("console:telephones"), "label": _("Telephones")}]
    if may_somewhere(request, "save_line"):
        news.append({"url": reverse("console:new_line"), "label": _("New line")})
    return section_page(
        request,
        "lines",
        ngettext("{count} line is answered", "{count} lines are answered", active).format(count=active)
        if active
        else _("No line is answered"),
        rows=rows,
        news=news,
        csv_url=reverse("console:lines_csv"),
        note=_(
            "A line is a number, or several, that callers ring. Before anybody does, its page says what they would hear."
        ),
        empty_text=_("Set one up from a starting point, then point your telephone provider at it."),
    )


@staff("read_lines")
def lines_csv(request: StaffRequest) -> HttpResponse:
    """Every setting of every line."""
    names = [each.name for each in fields(LineWanted)]

    def told() -> Any:
        for line in _lines(request):
            values = [getattr(line, name) for name in names]
            said = [" ".join(map(str, each)) if isinstance(each, list) else each for each in values]
            yield [line.pk, line.brand.slug, line.active, *said]

    return as_csv("lines", ["id", "brand", "active", *names], told())


class StartForm(forms.Form):
    """For which brand, and from which starting point."""

    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    start = forms.ChoiceField(label=gettext_lazy("Begin with"), widget=forms.RadioSelect, initial="message")

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, "save_line")  # type: ignore[attr-defined]
        starts = [(key, f"{each.label}: {each.words}") for key, each in STARTING_LINES.items()]
        self.fields["start"].choices = starts  # type: ignore[attr-defined]


@form_page("save_line")
def new_line(request: StaffRequest) -> HttpResponse:
    """A line from a starting point: first which, then its numbers and the rest."""
    begun = StartForm(request.GET if "start" in request.GET else None, request=request)
    if not begun.is_valid():
        return form_in(request, "lines", begun, _("New phone line"), _("Go on"), method="get")
    brand = Brand.objects.get(pk=int(begun.cleaned_data["brand"]))
    start = STARTING_LINES[begun.cleaned_data["start"]]
    plain = LineWanted(name=_("Support"), numbers=(), shown_number="", pager_number="", **start.fields)
    form = LineForm(request.POST or None, initial=_as_form(plain), brand=brand)
    return _save(request, form, brand, None, _("New phone line: {start}").format(start=start.label))


@staff("read_lines")
def line(request: StaffRequest, line_id: int) -> HttpResponse:
    """A line: what callers would hear, whom it would ring now and why not others, its recordings."""
    shown = _line(request, line_id)
    changes = may(request, "save_line", shown.brand_id)
    kept = {str(each.pk): each for each in Recording.objects.filter(pk__in=shown.prompts.values())}
    checks = shown.divert_checks.order_by("-at")[:5]
    context = {
        "here": "settings",
        "line": shown,
        "heading": shown.name if shown.active else _("{name} is retired").format(name=shown.name),
        "numbers": [number_text(number, shown) for number in shown.numbers],
        "previews": previews_of(shown, request.at) if shown.active and shown.numbers else [],
        "rung": [_rung_row(each) for each in rung_at(shown, request.at)] if shown.active else [],
        "prompts": [
            {
                "name": name,
                "label": str(label),
                "recording": kept.get(shown.prompts.get(name, "")),
                "own": name in shown.prompts,
            }
            for name, label in PROMPTS.items()
        ],
        "own_count": len(shown.prompts),
        "prompt_form": PromptForm(prefix="prompt") if may(request, "keep_prompt", shown.brand_id) else None,
        "may_hear": may(request, "hear_recording", shown.brand_id),
        "facts": _facts(shown),
        "checks": [
            {
                "at": each.at,
                "title": _check_title(each),
                "detail": each.trouble,
                "tags": [_check_tag(each)],
            }
            for each in checks
        ],
        "check_url": reverse("console:check_line_divert", args=[shown.pk])
        if shown.active and shown.divert_from and may(request, "check_divert", shown.brand_id)
        else "",
        "change_url": reverse("console:change_line", args=[shown.pk]) if changes else "",
        "retire_url": reverse("console:retire_line", args=[shown.pk])
        if shown.active and may(request, "retire_line", shown.brand_id)
        else "",
    }
    return render(request, "console/line.html", context)


def _check_title(check: DivertCheck) -> str:
    if check.ended_at is None:
        return _("It is being rung")
    return _("Our greeting was heard") if check.heard else _("Our greeting was not heard")


def _check_tag(check: DivertCheck) -> dict[str, str]:
    if check.ended_at is None:
        return {"text": _("in a moment"), "tone": ""}
    return {"text": _("works"), "tone": "calm"} if check.heard else {"text": _("does not"), "tone": "fire"}


def _rung_row(each: Any) -> dict[str, Any]:
    tags = [{"text": _("would ring"), "tone": "calm"}] if each.to else [{"text": _("not rung"), "tone": ""}]
    if each.busy:
        tags = [{"text": _("on the phone"), "tone": "accent"}]
    if each.fixing:
        tags = [{"text": _("fixes an outage: not rung for it"), "tone": "accent"}]
    where = number_text(each.to, None) if each.to.startswith("+") else each.to
    return {
        "title": each.person.name,
        "url": reverse("console:person", args=[each.person.pk]),
        "detail": f"{each.why} · {where}" if where else each.why,
        "tags": tags,
        "actions": [],
    }


def _facts(shown: Line) -> list[tuple[str, str]]:
    facts = [
        (_("Hours"), shown.hours.name if shown.hours is not None else _("round the clock")),
        (_("Shown to callers"), number_text(shown.shown_number, shown)),
        (_("Shown to engineers"), number_text(shown.pager_number, shown)),
        (_("Your own people ring"), number_text(shown.staff_number, shown) if shown.staff_number else ""),
        (_("Out of hours"), str(NIGHTS[shown.night])),
        (_("Recording"), str(CONSENTS[shown.consent])),
        (_("Kept for"), ngettext("{count} day", "{count} days", shown.keep_days).format(count=shown.keep_days)),
        (_("Call-back within"), _("{count} min").format(count=shown.call_back_s // 60)),
        (_("Answering service"), number_text(shown.bureau_number, shown) if shown.bureau_number else ""),
        (_("Call-out"), shown.call_out_price),
        (
            _("Rung from outside"),
            _("each evening at {time}").format(time=f"{shown.divert_check_at:%H:%M}") if shown.divert_check_at else "",
        ),
    ]
    return [(label, value) for label, value in facts if value]


@form_page("save_line")
def change_line(request: StaffRequest, line_id: int) -> HttpResponse:
    """Every setting of a line."""
    shown = _line(request, line_id)
    now = LineWanted(**{each.name: getattr(shown, each.name) for each in fields(LineWanted)})
    form = LineForm(request.POST or None, initial=_as_form(now), brand=shown.brand)
    return _save(request, form, shown.brand, shown, shown.name)


def _save(request: StaffRequest, form: LineForm, brand: Brand, shown: Line | None, heading: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        kept = save_line(
            brand_id=brand.pk,
            line_id=shown.pk if shown is not None else None,
            wanted=form.wanted(),
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
        return done(request, _("{name} is kept.").format(name=kept.name), "console:line", kept.pk)
    back = reverse("console:line", args=[shown.pk]) if shown is not None else reverse("console:lines")
    return form_in(request, "lines", form, heading, _("Save"), cancel_url=back)


@posting("check_divert")
def check(request: StaffRequest, line_id: int) -> HttpResponse:
    """It is rung from outside now; nobody else is told of what comes of it."""
    rung = check_divert(line_id=_line(request, line_id).pk, by=request.actor, via=Door.WEB, at=request.at)
    text = _("It is rung from outside now. What came of it stands here in a minute or two.")
    return done(request, text, "console:line", rung.line_id)


@posting("retire_line")
def retire(request: StaffRequest, line_id: int) -> HttpResponse:
    """Nobody is answered on it any more."""
    gone = retire_line(line_id=_line(request, line_id).pk, by=request.actor, via=Door.WEB, at=request.at)
    text = _("{name} answers nobody any more. Change it to take it into use again.")
    return done(request, text.format(name=gone.name), "console:line", gone.pk)


def _line(request: StaffRequest, line_id: int) -> Line:
    return found(_lines(request).filter(pk=line_id), _("You asked for a phone line."))


# ---- Recordings of one's own ----------------------------------------------------------------------------------------


class PromptForm(forms.Form):
    """Which text, and the file."""

    name = forms.ChoiceField(label=gettext_lazy("What callers hear"), choices=lambda: list(PROMPTS.items()))
    file = forms.FileField(
        label=gettext_lazy("Your recording"),
        widget=forms.FileInput(attrs={"accept": "audio/*,.wav,.flac,.ogg"}),
        help_text=gettext_lazy("WAV, FLAC or Ogg, up to two minutes. It is kept as telephones carry it."),
    )


@posting("keep_prompt")
def keep_line_prompt(request: StaffRequest, line_id: int) -> HttpResponse:
    """Callers hear one's own voice."""
    shown = _line(request, line_id)
    asked = _("You gave a recording.")
    values = checked(PromptForm(request.POST, request.FILES, prefix="prompt"), asked)
    kept = keep_prompt(
        line_id=shown.pk,
        prompt=values["name"],
        content=values["file"].read(),
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    text = _("Callers hear your recording of {count} s from now on. Listen to it once.")
    return done(request, text.format(count=round(kept.seconds, 1)), "console:line", shown.pk)


@posting("remove_prompt")
def remove_line_prompt(request: StaffRequest, line_id: int, prompt: str) -> HttpResponse:
    """The text is spoken again."""
    shown = _line(request, line_id)
    remove_prompt(line_id=shown.pk, prompt=prompt, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The text is spoken again."), "console:line", shown.pk)
