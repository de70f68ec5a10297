"""What a rule of working time blocks, asked about once more: why should it stand all the same?"""

from django.http import HttpResponse
from django.shortcuts import render

from nightdesk.console.views.staff import StaffRequest, may
from nightdesk.rota.checking import RuleBlocks


def ask_why(request: StaffRequest, blocks: RuleBlocks, brand_id: int, back: str) -> HttpResponse:
    """The same request again, with a field for the reason, for whoever may set a rule aside; raises the refusal for others.

    `back` is the address for leaving it.
    """
    if not may(request, "exempt_duty", brand_id):
        raise blocks
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", "reason")
        for value in values
    ]
    context = {"here": "rota", "blocks": blocks, "kept": kept, "reason": request.POST.get("reason", ""), "back": back}
    return render(request, "console/rule_blocks.html", context, status=blocks.status)
