"""How the API says no: RFC 9457 problems with a stable `code`, never a page and never what lies inside."""

import json
import logging
from typing import Any
from uuid import uuid4

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError, HttpError, ValidationError
from psycopg.errors import ForeignKeyViolation

from nightdesk.base.refusals import Invalid, NotFound, NotSignedIn, Refusal

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"


class Unreadable(Refusal):
    """The request is not what its headers say it is."""

    code = "unreadable"
    status = 400
    title = "The request cannot be read"


class BadMethod(Refusal):
    """The address is known, and not for that method."""

    code = "method-not-allowed"
    status = 405
    title = "That method is not for this address"


class TooLarge(Refusal):
    """The body is larger than may be sent."""

    code = "body-too-large"
    status = 413
    title = "The body is too large"


class Unexpected(Refusal):
    """Something broke; the log has it under `id`."""

    code = "unexpected"
    status = 500
    title = "Something broke on our side"


class Away(Refusal):
    """The database is away, or too busy to answer in time. Nothing was done."""

    code = "away"
    status = 503
    title = "Not just now"


EXPECTED = (Refusal, DatabaseError, InterfaceError, SuspiciousOperation, Http404)
"""What may be raised before an operation is reached, and has an answer."""


def as_refusal(error: Exception) -> Refusal:
    """What to tell the caller about `error`. What nobody expected is logged, and told by an id alone."""
    match error:
        case Refusal():
            return error
        case AuthenticationError():
            return NotSignedIn(
                _("The API was asked."), _("Nobody is known behind the request."), _("Send a token, or sign in.")
            )
        case ValidationError():
            return Invalid(
                _("Values were given."),
                _("%(count)s of them do not fit.") % {"count": len(error.errors)},
                _("See what `errors` says of each."),
                errors=[_field_error(one) for one in error.errors],
            )
        case RequestDataTooBig():
            return TooLarge(_("A body was sent."), _("It is too large."), _("Send it in parts."))
        case HttpError() | SuspiciousOperation():
            return Unreadable(_("A request was made."), _("It cannot be read."), _("Send well-formed JSON in UTF-8."))
        case Http404():
            return NotFound(_("This address was asked."), _("There is nothing here."), _("See openapi.json."))
        case DataError():
            return Invalid(
                _("Values were given."), _("One is longer or larger than can be kept."), _("Give a smaller one.")
            )
        case IntegrityError(__cause__=ForeignKeyViolation()):
            return Invalid(
                _("Something was named by its number."), _("There is no such thing (any more)."), _("Look at the list.")
            )
        case OperationalError() | InterfaceError():
            log.warning("The database did not answer in time: %s", error)
            return Away(
                _("The database was asked."),
                _("It does not answer in time, and nothing was done."),
                _("Ask again in 2 s."),
                retry_after=2,
            )
    known_as = uuid4().hex
    log.error("Unexpected error %s", known_as, exc_info=error)
    return Unexpected(
        _("A request was made."), _("Something broke."), _("Tell your administrator the id."), id=known_as
    )


def answer(error: Exception) -> HttpResponse:
    """The problem as a response."""
    refusal = as_refusal(error)
    response = HttpResponse(
        json.dumps(refusal.as_problem(), cls=DjangoJSONEncoder), status=refusal.status, content_type=CONTENT_TYPE
    )
    if "retry_after" in refusal.extra:
        response["Retry-After"] = str(refusal.extra["retry_after"])
    if refusal.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Nightdesk"'
    return response


def _field_error(error: dict[str, Any]) -> dict[str, str]:
    """Where it stands ("body.title", "query.limit") and what is wrong with it."""
    where, *path = error["loc"]
    # A body that is one object stands under the name of our parameter, which the caller does not know.
    inside = path[1:] if where == "body" else path
    return {"field": ".".join(str(part) for part in (where, *inside)), "message": str(error["msg"])}
