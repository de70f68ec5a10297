"""Cachet's API v1, as monitoring programs that know Cachet write to it: components and incidents of one brand.

It stands at `/cachet/BRAND/api/v1/`. The token in `X-Cachet-Token` is one of ours, and whoever it is may do here what they may do
elsewhere, by the same verbs. What Cachet has beside (groups, metrics, schedules, subscribers) is not here.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from nightdesk.access.models import Brand
from nightdesk.api import limits, problems
from nightdesk.api.auth import actor_of, caller_of_token
from nightdesk.api.scope import one, readable
from nightdesk.base import clock
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, NotSignedIn, Refusal
from nightdesk.outages import actions, cachet_words, wording
from nightdesk.outages.decide import OPEN, State
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import FailedPart, Outage, Part, Update

HEADER = "X-Cachet-Token"
View: TypeAlias = Callable[..., HttpResponse]


def _door(*methods: str) -> Callable[[View], View]:
    """The view for these methods, with the brand in the place of its slug; what is refused is said as Cachet says it."""

    def around(view: View) -> View:
        @wraps(view)
        def enter(request: HttpRequest, brand: str, **which: Any) -> HttpResponse:
            try:
                _let_in(request, methods)
                answer = view(
                    request, one(readable(request, "read_outages", Brand.objects.all(), "pk"), slug=brand), **which
                )
            except problems.EXPECTED as error:
                refusal = problems.as_refusal(error)
                said = {
                    "id": refusal.code,
                    "status": refusal.status,
                    "title": str(refusal.title),
                    "detail": str(refusal),
                }
                answer = JsonResponse({"errors": [said]}, status=refusal.status)
            answer["Cache-Control"] = "no-store"
            return answer

        return csrf_exempt(enter)  # nobody is known here by a cookie

    return around


def _let_in(request: HttpRequest, methods: tuple[str, ...]) -> None:
    try:
        caller = caller_of_token(request, request.headers.get(HEADER, ""))
    except NotSignedIn:
        limits.STRANGERS.take(request.META.get("REMOTE_ADDR", ""))
        raise
    limits.CALLERS.take(caller.key)
    if request.method not in methods:
        raise problems.BadMethod(
            _("%(method)s was asked.") % {"method": request.method},
            _("This address takes %(allowed)s.") % {"allowed": ", ".join(methods)},
            _("Use one of these."),
        )


def ping(_request: HttpRequest, brand: str) -> HttpResponse:  # noqa: ARG001 - it is the same for each
    """Whether somebody is there; anybody may ask."""
    return JsonResponse({"data": "Pong!"})


def version(_request: HttpRequest, brand: str) -> HttpResponse:  # noqa: ARG001 - likewise
    """Which Cachet this can be taken for."""
    return JsonResponse({"meta": {"on_latest": True}, "data": "2.3.18"})


# --- Components ------------------------------------------------------------------------------------------------------


@_door("GET", "HEAD")
def components(request: HttpRequest, brand: Brand) -> HttpResponse:
    """The parts that stand on the public page, a page of them."""
    return _listed(request, _parts(brand).order_by("position", "key"), _component)


@_door("GET", "HEAD", "PUT", "PATCH")
def component(request: HttpRequest, brand: Brand, part_id: int) -> HttpResponse:
    """One part. What is written to it: it fails in the open outage that it is part of, or an outage is proposed, which a person
    confirms; where it is operational, a proposal is withdrawn.
    """
    part = one(_parts(brand), pk=part_id)
    if request.method in ("PUT", "PATCH"):
        status = _number(_given(request), "status", cachet_words.EFFECT_OF)
        if status is not None:
            _fails(request, part, cachet_words.EFFECT_OF[status])
    return JsonResponse({"data": _component(part)})


@transaction.atomic
def _fails(request: HttpRequest, part: Part, effect: Effect) -> None:
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    outage = _open_about(part)
    if outage is None:
        if effect is not Effect.WORKS:
            title = _("{part}: {status}").format(part=part.name, status=str(effect.name).lower())
            actions.propose_outage(brand_id=part.brand_id, title=title, parts={part.pk: int(effect)}, **doing)
    elif effect is Effect.WORKS and outage.state == State.PROPOSED and outage.failed.count() == 1:
        actions.withdraw_outage(outage_id=outage.pk, **doing)
    else:
        actions.set_failed_parts(outage_id=outage.pk, parts=_failing(outage, part.pk, effect), **doing)


# --- Incidents -------------------------------------------------------------------------------------------------------


@_door("GET", "HEAD", "POST")
def incidents(request: HttpRequest, brand: Brand) -> HttpResponse:
    """The brand's outages that are no mere proposals, newest first; or a new one, which is told at once as its status says."""
    if request.method == "POST":
        return JsonResponse({"data": _incident(_begin(request, brand, _given(request)))})
    return _listed(request, _outages(brand).order_by("-began_at", "-id"), _incident)


@_door("GET", "HEAD", "PUT", "PATCH")
def incident(request: HttpRequest, brand: Brand, number: int) -> HttpResponse:
    """One outage; what is written to it is its next update."""
    outage = one(_outages(brand), number=number)
    if request.method in ("PUT", "PATCH"):
        outage = _go_on(request, outage, _given(request))
    return JsonResponse({"data": _incident(outage)})


@_door("GET", "HEAD", "POST")
def updates(request: HttpRequest, brand: Brand, number: int) -> HttpResponse:
    """What was told of an outage, newest first; or its next word."""
    outage = one(_outages(brand), number=number)
    if request.method == "POST":
        _say(request, outage, _given(request))
        newest = Update.objects.filter(outage=outage).order_by("-number")[0]
        return JsonResponse({"data": _update(newest)})
    return _listed(request, outage.updates.filter(published_at__isnull=False).order_by("-number"), _update)


@transaction.atomic
def _begin(request: HttpRequest, brand: Brand, given: dict[str, Any]) -> Outage:
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    parts: dict[int, int] = {}
    severity = "major"
    if part_id := _number(given, "component_id"):
        part = one(_parts(brand), pk=part_id)
        effect = cachet_words.EFFECT_OF[_number(given, "component_status", cachet_words.EFFECT_OF) or 4]
        severity = "major" if effect is Effect.DOWN else "minor"
        parts = {part.pk: int(effect)} if effect is not Effect.WORKS else {}
    title = str(given.get("name") or "")
    outage = actions.propose_outage(brand_id=brand.pk, title=title, parts=parts, severity=severity, **doing)
    if _flag(given, "visible", True):
        actions.edit_outage(outage_id=outage.pk, fields={"public": True, "public_title": title}, **doing)
    actions.confirm_outage(outage_id=outage.pk, **doing)
    _say(request, outage, {"status": 1, **given})
    return Outage.objects.get(pk=outage.pk)


@transaction.atomic
def _go_on(request: HttpRequest, outage: Outage, given: dict[str, Any]) -> Outage:
    doing: dict[str, Any] = {"by": actor_of(request), "via": Door.API, "at": clock.now()}
    fields: dict[str, Any] = {}
    if "name" in given:
        fields |= {"title": str(given["name"]), "public_title": str(given["name"])}
    if "visible" in given:
        fields |= {"public": _flag(given, "visible", True)}
        fields.setdefault("public_title", outage.public_title or outage.title)
    if fields:
        actions.edit_outage(outage_id=outage.pk, fields=fields, **doing)
    effect = _number(given, "component_status", cachet_words.EFFECT_OF)
    if effect and (part_id := _number(given, "component_id")) and outage.is_open:
        part = one(_parts(outage.brand), pk=part_id)
        parts = _failing(outage, part.pk, cachet_words.EFFECT_OF[effect])
        actions.set_failed_parts(outage_id=outage.pk, parts=parts, **doing)
    if "message" in given or "status" in given:
        _say(request, outage, given)
    return Outage.objects.get(pk=outage.pk)


def _say(request: HttpRequest, outage: Outage, given: dict[str, Any]) -> None:
    outage.refresh_from_db()
    status = _number(given, "status", cachet_words.STATE_OF)
    state = cachet_words.STATE_OF[status] if status is not None else outage.state
    actions.write_update(
        outage_id=outage.pk,
        state=state,
        texts={outage.brand.language: str(given.get("message") or "").strip() or f"{wording.state_words(state)}."},
        quiet=not _flag(given, "notify", True),
        vouched=True,  # there is no way to ask back
        by=actor_of(request),
        via=Door.API,
        at=clock.now(),
    )


# --- Beneath ---------------------------------------------------------------------------------------------------------


def _parts(brand: Brand) -> Any:
    return Part.objects.filter(brand=brand, public=True, retired_at=None)


def _outages(brand: Brand) -> Any:
    return Outage.objects.filter(brand=brand, confirmed_at__isnull=False).select_related("brand")


def _open_about(part: Part) -> Outage | None:
    return Outage.objects.filter(failed__part=part, state__in=OPEN).order_by("began_at").first()


def _failing(outage: Outage, part_id: int, effect: Effect) -> dict[int, int]:
    """What fails in it, with this part as it is now."""
    parts: dict[int, int] = dict(outage.failed.values_list("part_id", "effect"))
    parts.pop(part_id, None)
    return parts if effect is Effect.WORKS else parts | {part_id: int(effect)}


def _component(part: Part) -> dict[str, Any]:
    open_ = FailedPart.objects.filter(part=part, outage__state__in=OPEN, outage__confirmed_at__isnull=False)
    worst = max(open_.values_list("effect", flat=True), default=int(Effect.WORKS))
    return cachet_words.component(part.pk, part.public_name, Effect(worst), None, part.position)


def _incident(outage: Outage) -> dict[str, Any]:
    newest = outage.updates.filter(published_at__isnull=False).order_by("-number").first()
    failed = outage.failed.filter(part__public=True).values_list("part_id", flat=True).first()
    return cachet_words.incident(
        outage.number,
        outage.title,
        outage.state,
        message=newest.texts.get(outage.brand.language, "") if newest is not None else "",
        visible=outage.public,
        component_id=failed or 0,
        began_at=outage.began_at,
        changed_at=outage.changed_at,
    )


def _update(update: Update) -> dict[str, Any]:
    outage = update.outage
    text = update.texts.get(outage.brand.language, "")
    return cachet_words.update(
        update.number, outage.number, update.state, text, update.published_at or update.written_at
    )


def _listed(request: HttpRequest, rows: Any, written: Callable[[Any], dict[str, Any]]) -> HttpResponse:
    page = max(1, _number(request.GET.dict(), "page") or 1)
    per_page = min(cachet_words.MOST, max(1, _number(request.GET.dict(), "per_page") or 20))
    some = rows[(page - 1) * per_page : page * per_page]
    return JsonResponse(cachet_words.listed([written(row) for row in some], rows.count(), page, per_page))


def _given(request: HttpRequest) -> dict[str, Any]:
    """What is told, as JSON or as a form."""
    if request.content_type == "application/x-www-form-urlencoded" and request.method == "POST":
        return dict(request.POST.items())
    try:
        told = json.loads(request.body or b"{}")
    except ValueError:
        told = None
    if not isinstance(told, dict) or "\\u0000" in json.dumps(told):
        raise problems.Unreadable(_("Something was written."), _("Its body is no JSON object."), _("Send one."))
    return told


def _number(given: dict[str, Any], name: str, known: Any = None) -> int | None:
    """The number that is given under the name; None where there is none. Raises Invalid."""
    told = given.get(name)
    if told is None or told == "":
        return None
    if isinstance(told, bool) or not str(told).isascii() or not str(told).isdigit() or int(told) >= 2**31:
        raise _misfit(name)
    if known is not None and int(told) not in known:
        raise _misfit(name)
    return int(told)


def _flag(given: dict[str, Any], name: str, usual: bool) -> bool:
    told = given.get(name, usual)
    return told not in (False, 0, "0", "false", "")


def _misfit(name: str) -> Refusal:
    return Invalid(
        _("Something was written."),
        _("{name} is none of the numbers that it may be.").format(name=name),
        _("See docs/api.md."),
        field=name,
    )


urlpatterns = [
    path("cachet/<slug:brand>/api/v1/ping", ping, name="cachet-ping"),
    path("cachet/<slug:brand>/api/v1/version", version, name="cachet-version"),
    path("cachet/<slug:brand>/api/v1/components", components, name="cachet-components"),
    path("cachet/<slug:brand>/api/v1/components/<int:part_id>", component, name="cachet-component"),
    path("cachet/<slug:brand>/api/v1/incidents", incidents, name="cachet-incidents"),
    path("cachet/<slug:brand>/api/v1/incidents/<int:number>", incident, name="cachet-incident"),
    path("cachet/<slug:brand>/api/v1/incidents/<int:number>/updates", updates, name="cachet-updates"),
]
