"""How a telephone lets our pages through its silent mode: the contact card, and what to press on each kind of phone."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from nightdesk.channels.queries import pager_numbers
from nightdesk.console.contact_card import contact_card
from nightdesk.console.views.staff import StaffRequest, staff


@staff("edit_own_contacts")
def let_through(request: StaffRequest) -> HttpResponse:
    """The page that explains it, with the card to download."""
    context = {
        "here": "people",
        "heading": _("Let pages through silent mode"),
        "numbers": pager_numbers(request.brands),
        "card_url": reverse("console:card"),
    }
    return render(request, "console/let_through.html", context)


@staff("edit_own_contacts")
def card(request: StaffRequest) -> HttpResponse:
    """The contact card as a file."""
    return card_file(pager_numbers(request.brands))


def card_file(numbers: list[str]) -> HttpResponse:
    """A contact card with these numbers, for a telephone to save."""
    text = contact_card(_("Nightdesk pager"), numbers, _("Pages come from here. Let it through silent mode."))
    answer = HttpResponse(text, content_type="text/vcard; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="nightdesk-pager.vcf"'
    return answer
