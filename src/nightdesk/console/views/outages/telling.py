"""Tell affected customers: written once, seen as each will read it, with the price, before it is sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import localize
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.calls.line_preview import outage_heard
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.choices import LANGUAGES
from nightdesk.console.views.knowledge.sections import refused
from nightdesk.console.views.outages.shown import (
    EFFECT_TONES,
    EFFECTS,
    late_text,
    messages_text,
    one,
    touched_text,
)
from nightdesk.console.views.staff import StaffRequest, done, form_page, may, staff
from nightdesk.outages import decide, queries, statements, wording
from nightdesk.outages.actions import write_update
from nightdesk.outages.models import Outage, StatementTemplate, Touched, Update
from nightdesk.outages.preview import Draft, Preview, Sample, preview_of
from nightdesk.rota.resolve import instant_of

AFTER = (15, 30, 60)
"""Minutes that are offered until the next word, each on a five-minute mark."""
AT_A_TIME = "at"
NO_WORDS = "..."
"""Stands for the statement while nobody has written one, so that the numbers can be seen already."""
SAMPLES_SHOWN = 6
MAY_GROW = 1.1
"""Where more people would be told than this times those who were seen, the numbers are shown again before anything goes."""


class TellForm(forms.Form):
    """The words; the choice of the state and of when they hear again."""

    state = forms.ChoiceField(label=gettext_lazy("Where are we"), widget=forms.RadioSelect)
    again = forms.ChoiceField(
        label=gettext_lazy("When will they hear from us again"), widget=forms.RadioSelect, required=False
    )
    again_time = forms.TimeField(
        label=gettext_lazy("At"), required=False, widget=forms.TimeInput(attrs={"type": "time", "step": "300"})
    )
    estimate = forms.TimeField(
        label=gettext_lazy("It may work again by"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time", "step": "300"}),
        help_text=gettext_lazy("Only if you believe it. Without a time nothing is said of it."),
    )
    quiet = forms.BooleanField(label=gettext_lazy("Only show it: nobody is written to"), required=False)
    corrects = forms.ChoiceField(label=gettext_lazy("It corrects"), required=False)
    vouched = forms.BooleanField(label=gettext_lazy("It is so: I vouch for it"), required=False)
    template = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, outage: Outage, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outage, self.at = outage, at
        self.zone = ZoneInfo(str(get_current_timezone()))
        own, *others = [
            outage.brand.language,
            *(one for one in queries.languages_of(outage) if one != outage.brand.language),
        ]
        self.fields["state"].choices = state_choices(outage)  # type: ignore[attr-defined]
        self.fields["again"].choices = next_choices(at)  # type: ignore[attr-defined]
        self.fields["corrects"].choices = _corrigible(outage)  # type: ignore[attr-defined]
        self.languages = [own, *others]
        for language in self.languages:
            self.fields[f"text_{language}"] = forms.CharField(
                label=_("What you know, in one or two sentences") if language == own else _name_of(language),
                max_length=statements.LONGEST,
                required=False,
                widget=forms.Textarea(attrs={"rows": 3, "lang": language}),
            )

    @property
    def own_text(self) -> forms.BoundField:
        """The field of the brand's own language."""
        return self[f"text_{self.languages[0]}"]

    @property
    def other_texts(self) -> list[forms.BoundField]:
        """Those of the other languages that people read."""
        return [self[f"text_{language}"] for language in self.languages[1:]]

    def texts(self) -> dict[str, str]:
        """Language -> what was typed."""
        values = self.cleaned_data
        typed = {language: values.get(f"text_{language}", "") for language in self.languages}
        return {language: text.replace("\r\n", "\n").strip() for language, text in typed.items() if text.strip()}

    def clean(self) -> dict[str, Any]:
        """With `next_at` and `estimate_at` as instants, in the reader's zone: the next time that clocks show them."""
        values: dict[str, Any] = super().clean() or {}
        chosen = values.get("again") or ""
        values["next_at"] = None
        if chosen == AT_A_TIME:
            if values.get("again_time") is None:
                self.add_error("again_time", _("Give a time, such as 05:15."))
            else:
                values["next_at"] = self._next(values["again_time"])
        elif chosen:
            values["next_at"] = parse_datetime(chosen)
        values["estimate_at"] = self._next(values["estimate"]) if values.get("estimate") else None
        return values

    def _next(self, wanted: Any) -> datetime:
        today = self.at.astimezone(self.zone).date()
        found = instant_of(datetime.combine(today, wanted.replace(second=0, microsecond=0)), self.zone)
        if found <= self.at:
            found = instant_of(datetime.combine(today + timedelta(days=1), wanted), self.zone)
        return found


def state_choices(outage: Outage) -> list[tuple[str, str]]:
    """Where an update may lead, in the words of whoever writes one."""
    may_be = [one for one in decide.State if decide.may_lead(decide.State(outage.state), one) and one != "withdrawn"]
    if outage.is_open:
        return [(one, wording.state_words(one)) for one in may_be]
    back = [
        (one, _("It is back: {state}").format(state=wording.state_words(one))) for one in may_be if one != "resolved"
    ]
    return [("resolved", _("What happened")), *back[:1]]


def next_choices(at: datetime) -> list[tuple[str, str]]:
    """Five-minute marks, each with the time that it is."""
    found = []
    for minutes in AFTER:
        mark = decide.next_mark(at, timedelta(minutes=minutes))
        label = _("1 hour") if minutes == 60 else _("{count} min").format(count=minutes)
        found.append((mark.isoformat(), f"{label} · {clock(mark, at)}"))
    return [*found, (AT_A_TIME, _("At a time"))]


def _name_of(language: str) -> str:
    return str(dict(LANGUAGES).get(language, language))


def _corrigible(outage: Outage) -> list[tuple[str, str]]:
    rows = Update.objects.filter(outage=outage, published_at__isnull=False).order_by("-number")[:20]
    choices = [("", _("Nothing: it is news"))]
    for row in rows:
        text = next(iter(row.texts.values()), "")
        choices.append((str(row.pk), _("Update {number}: {text}").format(number=row.number, text=text[:60])))
    return choices


@form_page("write_update")
def tell(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """Write what customers read, see whom it reaches and what it costs, and send it."""
    shown = one(request, outage_id)
    template = _template(request, shown)
    form = _form(request, shown, template)
    problem: Refusal | None = None
    notice = ""
    sending = request.method == "POST" and "look" not in request.POST
    if sending and form.is_valid():
        before = _looked(form, shown, request.at)
        if before is not None and not _was_seen(request, before):
            notice = _("These are the people whom it reaches. Look once, then send it.")
        else:
            try:
                return _sent(request, shown, form, before)
            except Refusal as refusal:
                if refusal.extra.get("field") in {*form.fields, "texts"}:
                    refused(
                        form,
                        f"text_{shown.brand.language}" if refusal.extra["field"] == "texts" else refusal.extra["field"],
                        refusal,
                    )
                else:
                    problem = refusal
    context = _context(request, shown, form, template) | {"problem": problem, "notice": notice}
    answer = render(request, "console/tell.html", context)
    if problem is not None:
        answer.status_code = problem.status
    elif sending and form.errors:
        answer.status_code = 422
    return answer


def _was_seen(request: StaffRequest, before: Preview) -> bool:
    """Whether whoever sends it has seen about how many people it reaches."""
    seen = request.POST.get("seen", "")
    return seen.isdecimal() and before.people <= max(int(seen) + 5, int(seen) * MAY_GROW)


def _sent(request: StaffRequest, shown: Outage, form: TellForm, before: Preview | None) -> HttpResponse:
    values = form.cleaned_data
    update = write_update(
        outage_id=shown.pk,
        state=values["state"],
        texts=form.texts(),
        next_at=values["next_at"],
        estimate_at=values["estimate_at"],
        quiet=values["quiet"],
        template_id=values["template"],
        corrects_id=UUID(values["corrects"]) if values["corrects"] else None,
        vouched=values["vouched"],
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )
    if update.published_at is None:
        text = _("It waits to be approved. Where nobody does by {time}, the holding statement goes.").format(
            time=clock(update.hold_at, request.at) if update.hold_at else ""
        )
    elif update.quiet:
        text = _("It is shown. Nobody was written to.")
    else:
        text = _("It goes to {people}.").format(people=wording.people(before.people if before else 0))
    return done(request, text, "console:outage", shown.pk)


@staff("write_update")
def tell_preview(request: StaffRequest, outage_id: UUID) -> HttpResponse:
    """What they will read, how many they are, and what it costs, as far as the form is filled in."""
    shown = one(request, outage_id)
    form = TellForm(request.GET, outage=shown, at=request.at)
    return render(request, "console/tell_preview.html", _previewed(request, shown, form))


def _template(request: StaffRequest, shown: Outage) -> StatementTemplate | None:
    """The one that the address or the form names; the first of them for an outage of which nothing was told."""
    rows = StatementTemplate.objects.filter(brand=shown.brand, removed_at=None)
    asked = request.POST.get("template", "") or request.GET.get("template", "")
    if asked.isdecimal():
        return rows.filter(pk=int(asked)).first()
    if asked or not shown.is_open or shown.updates.filter(published_at__isnull=False).exists():
        return None
    return rows.filter(goes_to="investigating").first()


def _form(request: StaffRequest, shown: Outage, template: StatementTemplate | None) -> TellForm:
    if request.method == "POST":
        return TellForm(request.POST, outage=shown, at=request.at)
    state = shown.state if shown.is_open else "resolved"
    every = queries.rules_of(shown.brand_id).update_every_minutes
    usual = every if every in AFTER else 30
    mark = decide.next_mark(request.at, timedelta(minutes=usual)).isoformat()
    initial: dict[str, Any] = {"state": state, "again": mark}
    corrects = request.GET.get("corrects", "")
    wrong = shown.updates.filter(pk=corrects).first() if _is_uuid(corrects) else None
    texts: Mapping[str, str] = {}
    if template is not None:
        initial |= {"state": template.goes_to, "template": template.pk}
        texts = statements.filled(shown, template.texts)
    elif wrong is not None:
        initial |= {"corrects": str(wrong.pk), "state": wrong.state}
        texts = wrong.texts
    initial |= {f"text_{language}": text for language, text in texts.items()}
    return TellForm(initial=initial, outage=shown, at=request.at)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _context(
    request: StaffRequest, shown: Outage, form: TellForm, template: StatementTemplate | None
) -> dict[str, Any]:
    url = reverse("console:tell", args=[shown.pk])
    published = shown.updates.filter(published_at__isnull=False).count()
    services = Touched.objects.filter(outage=shown)
    first = _("first update") if not published else _("update {number}").format(number=published + 1)
    customers = shown.affected.count()
    rows = StatementTemplate.objects.filter(brand=shown.brand, removed_at=None)
    may_be = {state for state, _label in state_choices(shown)}
    return {
        "here": "outages",
        "outage": shown,
        "heading": _("Tell affected customers") if shown.is_open else _("Tell them what happened"),
        "lead": " · ".join([f"{shown.name} {shown.title}", first, touched_text(customers, services.count())]),
        "late": late_text(shown, request.at),
        "form": form,
        "templates": [
            {
                "name": row.name,
                "url": f"{url}?template={row.pk}",
                "here": template is not None and row.pk == template.pk,
            }
            for row in rows
            if row.goes_to in may_be
        ],
        "may_keep_words": may(request, "save_statement_template", shown.brand_id),
        "room_url": reverse("console:outage", args=[shown.pk]),
        "preview_url": reverse("console:tell_preview", args=[shown.pk]),
        **_previewed(request, shown, form),
    }


def _looked(form: TellForm, shown: Outage, at: datetime) -> Preview | None:
    """What the form would become; None where it cannot be told, which the verb will say."""
    values = form.cleaned_data
    draft = Draft(
        state=values["state"],
        texts=form.texts(),
        next_at=values["next_at"],
        estimate_at=values["estimate_at"],
        quiet=values["quiet"],
        corrects=bool(values["corrects"]),
    )
    try:
        return preview_of(shown, draft, at)
    except Refusal:
        return None


def _previewed(request: StaffRequest, shown: Outage, form: TellForm) -> dict[str, Any]:
    """What tell_preview.html draws: a form that is not whole yet is taken as far as it goes."""
    values = _as_far(form)
    texts = {language: values.get(f"text_{language}") or "" for language in form.languages}
    texts = {language: text.strip() for language, text in texts.items() if text.strip()}
    is_blank = shown.brand.language not in texts
    draft = Draft(
        state=values.get("state") or shown.state,
        texts=texts | {shown.brand.language: texts.get(shown.brand.language, NO_WORDS)},
        next_at=values.get("next_at"),
        estimate_at=values.get("estimate_at"),
        quiet=bool(values.get("quiet")),
        corrects=bool(values.get("corrects")),
    )
    refusal = None
    try:
        seen = preview_of(shown, draft, request.at)
    except Refusal as error:
        refusal = error
        seen = preview_of(shown, Draft(draft.state, {shown.brand.language: NO_WORDS}), request.at)
    rules = queries.rules_of(shown.brand_id)
    approver = decide.approver_of(shown.severity, rules.approvers)
    needs = None
    if not may(request, decide.APPROVE_VERB[approver], shown.brand_id) and not _is_templates(
        shown, values, draft.texts
    ):
        needs = approver
    return {
        "seen": seen,
        "first": seen.samples[0] if seen.samples else None,
        "is_blank": is_blank,
        "cannot": refusal,
        "samples": [_sample(each) for each in ([] if is_blank or refusal else seen.samples[:SAMPLES_SHOWN])],
        "spoken": "" if is_blank or refusal else outage_heard(seen.update, request.at),
        "warnings": [] if refusal else seen.unsupported,
        "vouched": form["vouched"],
        "cut": any(each.is_cut for each in seen.samples),
        "reach_people": wording.people(seen.people),
        "reach_customers": touched_text(seen.customers),
        "reach_messages": messages_text(seen),
        "diverted": ngettext(
            "{count} person's mail runs over the fault: they get a text as well",
            "{count} people's mail runs over the fault: they get a text as well",
            seen.diverted,
        ).format(count=localize(seen.diverted))
        if seen.diverted
        else "",
        "unreachable": ngettext(
            "{count} customer can be reached by no channel: ring them",
            "{count} customers can be reached by no channel: ring them",
            seen.untold_customers,
        ).format(count=localize(seen.untold_customers))
        if seen.untold_customers
        else "",
        "needs": {
            decide.Approver.DESK: _(
                "The desk approves it. Where nobody does within 5 minutes, the holding statement goes."
            ),
            decide.Approver.MANAGER: _(
                "A manager approves it. Where nobody does within 5 minutes, the holding statement goes."
            ),
        }.get(needs, "")
        if needs
        else "",
        "label": _label(seen, draft, needs=bool(needs)),
    }


def _label(seen: Preview, draft: Draft, *, needs: bool) -> str:
    if needs:
        return _("Have it approved")
    if draft.quiet:
        return _("Show it")
    if not seen.people:
        return _("Publish it")
    return _("Send to {people}").format(people=wording.people(seen.people))


def _is_templates(shown: Outage, values: Mapping[str, Any], texts: Mapping[str, str]) -> bool:
    """Whether these are a template's words as they stand, which need nobody."""
    template = StatementTemplate.objects.filter(brand=shown.brand, pk=values.get("template") or 0).first()
    return template is not None and dict(texts) == statements.filled(shown, template.texts)


def _as_far(form: TellForm) -> dict[str, Any]:
    """The values of a form that was filled in, or that is about to be shown."""
    if form.is_bound:
        form.is_valid()
        return form.cleaned_data
    values = dict(form.initial)
    values["next_at"] = parse_datetime(values["again"]) if values.get("again") else None
    return values


def _sample(sample: Sample) -> dict[str, Any]:
    """A message as its first reader gets it, with a heading that says who and how many."""
    channels = {"email": _("mail"), "sms": _("text"), "push": _("their browser"), "webhook": _("their program")}
    channel = channels.get(sample.channel, sample.channel)
    if sample.parts > 1:
        channel = _("text of {count} parts").format(count=sample.parts)
    who = sample.reader or _("Whoever follows the public page")
    count = ngettext("{count} such {channel}", "{count} such", sample.count).format(
        count=localize(sample.count), channel=channel
    )
    return {
        "who": _("{who} will read").format(who=who),
        "how": " · ".join([channel, _name_of(sample.language), count]),
        "tag": {"text": str(EFFECTS[sample.effect]), "tone": EFFECT_TONES[sample.effect]}
        if sample.effect is not None
        else None,
        "title": sample.title,
        "text": sample.text,
        "language": sample.language,
    }
