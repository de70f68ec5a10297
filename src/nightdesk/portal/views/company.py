"""For which company somebody reads whose account speaks for several."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.views.decorators.http import require_http_methods

from nightdesk.access.models import User
from nightdesk.portal.door import COMPANY, alone, contacts_here


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """Choose one of one's own companies; it holds until another is chosen."""
    if not request.user.is_authenticated or request.user.kind != User.Kind.CUSTOMER:
        return HttpResponseRedirect("/")
    own = contacts_here(request, request.user)
    if request.method == "POST":
        chosen = next((one for one in own if str(one.pk) == request.POST.get("company")), None)
        if chosen is not None:
            request.session[COMPANY] = chosen.pk
            return HttpResponseRedirect(resolve_url("portal:home"))
    if not own:
        return alone(request, "portal/nobody.html", {}, status=403)
    return alone(request, "portal/choose.html", {"companies": own})
