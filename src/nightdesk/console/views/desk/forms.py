"""The forms of a ticket: what each verb asks for."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.console.views.choices import Choices
from nightdesk.console.views.desk.words import CONTACT_WORDS, GRADES, KINDS, WAITING_WORDS
from nightdesk.customers.models import Service, Subscription
from nightdesk.desk.actions import File
from nightdesk.desk.decide import ContactKind
from nightdesk.desk.models import Ticket
from nightdesk.rota.resolve import instant_of

MOST_MEGABYTES = 20
"""Of all files of one form together."""
MORNING, EVENING = time(9), time(17)


def hours_ahead(at: datetime) -> Choices:
    """When a next step may be, as choices; "at" stands for a time of one's own."""
    local = localtime(at)
    soon = at + timedelta(hours=1)
    later = at + timedelta(hours=4)
    return [
        ("1", _("In 1 hour, {time}").format(time=f"{localtime(soon):%H:%M}")),
        ("4", _("In 4 hours, {time}").format(time=f"{localtime(later):%H:%M}")),
        *([("evening", _("Today at 17:00"))] if local.time() < EVENING else []),
        ("morning", _("Tomorrow at 09:00")),
        ("week", _("In a week")),
        ("at", _("At a time")),
    ]


class StepForm(forms.Form):
    """A next step and its time."""

    next_step = forms.CharField(label=gettext_lazy("Next step"), max_length=300)
    when = forms.ChoiceField(label=gettext_lazy("By when"))
    when_at = forms.DateTimeField(
        label=gettext_lazy("At"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at = at
        self.fields["when"].choices = hours_ahead(at)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A time of one's own must be given, and be to come."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("when") == "at":
            if values.get("when_at") is None:
                self.add_error("when_at", _("Give the day and the hour."))
            elif values["when_at"] <= self.at:
                self.add_error("when_at", _("That is over."))
        return values

    def step_at(self) -> datetime:
        """The instant that was chosen."""
        values = self.cleaned_data
        zone = ZoneInfo(str(get_current_timezone()))
        today = self.at.astimezone(zone).date()
        match values["when"]:
            case "at":
                chosen: datetime = values["when_at"]
                return chosen
            case "evening":
                return instant_of(datetime.combine(today, EVENING), zone)
            case "morning":
                return instant_of(datetime.combine(today + timedelta(days=1), MORNING), zone)
            case "week":
                return self.at + timedelta(days=7)
        return self.at + timedelta(hours=int(values["when"]))


class WaitForm(StepForm):
    reason = forms.ChoiceField(
        label=gettext_lazy("Waiting for whom"), choices=list(WAITING_WORDS.items()), widget=forms.RadioSelect
    )
    field_order = ("reason", "next_step", "when", "when_at")


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files."""

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        """Each of them, small enough together."""
        several = data if isinstance(data, list | tuple) else [data]
        files = [super(FilesField, self).clean(each, initial) for each in several if each]
        if sum(each.size or 0 for each in files) > MOST_MEGABYTES * 1_000_000:
            raise forms.ValidationError(_("Together they have more than {most} MB.").format(most=MOST_MEGABYTES))
        return files


def as_files(uploaded: "Iterable[UploadedFile[Any]]") -> list[File]:
    """What was uploaded, as the verbs take it."""
    return [File(one.name or _("file"), one.content_type or "application/octet-stream", one.read()) for one in uploaded]


class ReplyForm(forms.Form):
    """An answer, why one of level 2 or 3 gives it, and what becomes of the ticket then."""

    text = forms.CharField(
        label=gettext_lazy("Answer"),
        max_length=200_000,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "data-draft": "reply"}),
    )
    contact_kind = forms.ChoiceField(
        label=gettext_lazy("Why you write to them yourself"), required=False, widget=forms.RadioSelect
    )
    then = forms.ChoiceField(
        label=gettext_lazy("And then"),
        required=False,
        widget=forms.RadioSelect,
        choices=[
            ("", gettext_lazy("Keep working")),
            ("wait", gettext_lazy("Wait for their answer")),
            ("resolve", gettext_lazy("It is resolved")),
        ],
        initial="",
    )
    what_was_wrong = forms.CharField(label=gettext_lazy("What was wrong"), max_length=2000, required=False)
    what_was_done = forms.CharField(label=gettext_lazy("What was done"), max_length=2000, required=False)
    what_to_do = forms.CharField(
        label=gettext_lazy("What they should do"),
        max_length=2000,
        required=False,
        help_text=gettext_lazy("Goes out below your answer. “Nothing” is an answer."),
    )
    by_phone = forms.BooleanField(label=gettext_lazy("Said on the telephone: nothing is sent"), required=False)
    why_now = forms.CharField(label=gettext_lazy("Send it now, because"), max_length=300, required=False)
    attached = FilesField(label=gettext_lazy("Files"), required=False, widget=ManyFiles())
    seen_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kinds: Sequence[ContactKind] | None, held: str, **kwargs: Any) -> None:
        """`kinds`: for which reasons this writer may speak to the user; None where they need none. `held`: until when
        the answer waits, as words; "" where it goes at once.
        """
        super().__init__(*args, **kwargs)
        if kinds is None:
            del self.fields["contact_kind"]
        else:
            choices = [(kind.value, CONTACT_WORDS[kind]) for kind in kinds]
            self.fields["contact_kind"].choices = choices  # type: ignore[attr-defined]
            self.fields["contact_kind"].required = True
        _ask_why_now(self, held)


def _ask_why_now(form: forms.Form, held: str) -> None:
    """Only where the words would wait (`held`: until when) is there a reason to be given."""
    if held:
        form.fields["why_now"].help_text = _(
            "They have bought no cover for now, so it goes out {time}. Leave this empty, unless there is a reason."
        ).format(time=held)
    else:
        del form.fields["why_now"]


class NoteForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=200_000,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "data-draft": "note"}),
        help_text=gettext_lazy("Stays among us. Write @ and a name, such as @Mikael, and they are told."),
    )
    attached = FilesField(label=gettext_lazy("Files"), required=False, widget=ManyFiles())


def mentioned(text: str, people: Iterable[tuple[int, str]]) -> list[int]:
    """The ids of those named in the text after an @: by their whole name, or by a first name that only one has."""
    folded = text.casefold()
    named = [(person_id, name.casefold()) for person_id, name in people]
    firsts = [name.split()[0] for _id, name in named]
    found = []
    for (person_id, name), first in zip(named, firsts, strict=True):
        words = [name] if firsts.count(first) > 1 else [name, first]
        if any(re.search(rf"(?<!\w)@{re.escape(word)}(?!\w)", folded) for word in words):
            found.append(person_id)
    return found


class AssignForm(forms.Form):
    to = forms.ChoiceField(label=gettext_lazy("Give it to"))

    def __init__(self, *args: Any, people: Sequence[tuple[int, str]], teams: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [  # type: ignore[attr-defined]
            ("", _("Nobody: back to the queue")),
            (_("People"), [(f"person:{number}", name) for number, name in people]),
            (_("Teams"), [(f"team:{number}", name) for number, name in teams]),
        ]
        self.fields["to"].required = False


class EscalateForm(forms.Form):
    team = forms.TypedChoiceField(label=gettext_lazy("To which team"), coerce=int)
    why = forms.CharField(
        label=gettext_lazy("What you need of them"), max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, teams: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = teams  # type: ignore[attr-defined]


class WhyForm(forms.Form):
    why = forms.CharField(label=gettext_lazy("Why"), max_length=300)


class RaiseForm(WhyForm):
    person = forms.TypedChoiceField(label=gettext_lazy("Before whom"), coerce=int, empty_value=None, required=False)

    def __init__(self, *args: Any, people: Sequence[tuple[int, str]], manager: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        none = _("Their manager, {name}").format(name=manager) if manager else _("Choose somebody")
        self.fields["person"].choices = [("", none), *people]  # type: ignore[attr-defined]


class ResolveForm(forms.Form):
    what_was_wrong = forms.CharField(
        label=gettext_lazy("What was wrong"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )
    what_was_done = forms.CharField(
        label=gettext_lazy("What was done"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )
    what_to_do = forms.CharField(
        label=gettext_lazy("What they should do"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("They read all three. “Nothing” is an answer."),
    )
    why_now = forms.CharField(label=gettext_lazy("Send it now, because"), max_length=300, required=False)
    seen_id = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, held: str, **kwargs: Any) -> None:
        """`held`: see `ReplyForm`."""
        super().__init__(*args, **kwargs)
        _ask_why_now(self, held)


class ProveForm(forms.Form):
    how = forms.ChoiceField(
        label=gettext_lazy("How you know"),
        widget=forms.RadioSelect,
        choices=[
            ("call_back", gettext_lazy("I called back the number that we have")),
            ("approver", gettext_lazy("A named approver said yes")),
        ],
    )
    approver = forms.TypedChoiceField(
        label=gettext_lazy("Which approver"), required=False, coerce=int, empty_value=None
    )
    said = forms.CharField(label=gettext_lazy("What was said"), max_length=300, required=False)

    def __init__(self, *args: Any, approvers: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if approvers:
            self.fields["approver"].choices = [("", _("Nobody")), *approvers]  # type: ignore[attr-defined]
        else:
            del self.fields["approver"]


class PartyForm(forms.Form):
    address = forms.EmailField(label=gettext_lazy("Email"), max_length=320)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200, required=False)


def about_choices(brand_id: int, customer_id: int | None, ticket: Ticket | None = None) -> Choices:
    """What a ticket may be about: of a customer what they have, each circuit by its label; else the brand's services. What
    `ticket` is about now is among them. `about_of` reads what was chosen.
    """
    services = Service.objects.filter(brand=brand_id).order_by("name")
    bought: list[tuple[int, int, str]] = []
    if customer_id is not None:
        rows = Subscription.objects.filter(customer=customer_id).order_by("label")
        bought = list(rows.values_list("id", "service_id", "label"))
        theirs = {service for _id, service, _label in bought}
        if ticket is not None and ticket.service_id is not None:
            theirs.add(ticket.service_id)
        services = services.filter(id__in=theirs)
    choices: Choices = [("", _("None"))]
    for service_id, name in services.values_list("id", "name"):
        choices.append((str(service_id), name))
        choices += [
            (f"{service_id}:{pk}", f"{name}, {label}") for pk, of, label in bought if of == service_id and label
        ]
    if ticket is not None and ticket.subscription and about_now(ticket) not in dict(choices):  # it has ended
        choices.append((about_now(ticket), f"{ticket.subscription.service.name}, {ticket.subscription.label}"))
    return choices


def about_now(ticket: Ticket) -> str:
    """What the ticket is about, as a value of `about_choices`."""
    if ticket.subscription is not None and ticket.subscription.label:
        return f"{ticket.service_id}:{ticket.subscription_id}"
    return str(ticket.service_id or "")


def about_of(value: str) -> dict[str, int | None]:
    """The columns that a value of `about_choices` means."""
    service, _colon, subscription = value.partition(":")
    return {
        "service_id": int(service) if service else None,
        "subscription_id": int(subscription) if subscription else None,
    }


class EditForm(forms.Form):
    """What is known of a ticket."""

    title = forms.CharField(label=gettext_lazy("In one line"), max_length=300)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=KINDS, widget=forms.RadioSelect)
    impact = forms.ChoiceField(label=gettext_lazy("Impact"), choices=GRADES, widget=forms.RadioSelect)
    urgency = forms.ChoiceField(label=gettext_lazy("Urgency"), choices=GRADES, widget=forms.RadioSelect)
    service = forms.ChoiceField(label=gettext_lazy("Service"), required=False)
    queue = forms.TypedChoiceField(label=gettext_lazy("Queue"), coerce=int, empty_value=None, required=False)
    tags = forms.CharField(
        label=gettext_lazy("Tags"), max_length=400, required=False, help_text=gettext_lazy("With commas between.")
    )
    work_type = forms.CharField(
        label=gettext_lazy("Kind of work"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Such as install or move: what the contract says is not done at night waits."),
    )
    needs_proof = forms.BooleanField(
        label=gettext_lazy("It changes who gets in: make sure first who asked"), required=False
    )
    night_ok = forms.BooleanField(label=gettext_lazy("Whoever is on may do it in a quiet hour"), required=False)
    night_why = forms.CharField(label=gettext_lazy("Why then"), max_length=200, required=False)

    def __init__(self, *args: Any, services: Choices, queues: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = services  # type: ignore[attr-defined]
        self.fields["queue"].choices = queues  # type: ignore[attr-defined]


def tags_in(text: str) -> list[str]:
    """The tags that somebody typed, with commas between."""
    return [tag.strip().lstrip("#") for tag in text.split(",") if tag.strip().lstrip("#")]
