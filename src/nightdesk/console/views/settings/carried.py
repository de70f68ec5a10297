"""A file that one page shows and carries to the next, so that what was looked at is what is taken: packed in a hidden field."""

import base64
import binascii
import zlib
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.refusals import Invalid
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.staff import StaffRequest

MEGABYTE = 1024 * 1024
MAX_PACKED = 2 * 1024 * 1024
"""Of what a page carries."""
MAX_UNPACKED = 256 * 1024 * 1024


def packed(content: bytes, asked: str, command: str) -> str:
    """The file as a field holds it. Raises Invalid where that is too long; `command` takes longer ones."""
    text = base64.b64encode(zlib.compress(content)).decode()
    if len(text) > MAX_PACKED:
        do = _("Split it, or use nightdesk {command} on the command line.").format(command=command)
        raise Invalid(asked, _("It is too long for the browser."), do)
    return text


def unpacked(text: str, asked: str) -> bytes:
    """The file that such a field held. Raises Invalid where it holds none."""
    try:
        return zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MAX_UNPACKED)
    except (binascii.Error, zlib.error, ValueError):
        raise Invalid(asked, _("The file did not come with it."), _("Choose the file once more.")) from None


class CarriedFile(forms.Form):
    """Of which brand a file is. `verb` says whose a reader may choose; `command` takes files of more than `most_mb` megabytes."""

    verb: ClassVar[str]
    command: ClassVar[str]
    most_mb: ClassVar[int] = 12
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))

    def __init__(self, *args: Any, request: StaffRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].choices = brand_choices(request.actor, self.verb)  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        """Not larger than we take."""
        file = self.cleaned_data["file"]
        if file is not None and file.size > self.most_mb * MEGABYTE:
            too_long = _("It has more than {count} MB. Split it, or use nightdesk {command} on the command line.")
            raise forms.ValidationError(too_long.format(count=self.most_mb, command=self.command))
        return file


class CarriedCsv(CarriedFile):
    """The same of a table."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV. Nothing is written before you have seen what it would do."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
