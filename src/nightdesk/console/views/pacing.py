"""How often one address may knock at a door that needs no log-in: tokens are not to be guessed at leisure."""

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _

from nightdesk.base.refusals import TooMany


def pace(request: HttpRequest, door: str, tries_a_minute: int) -> None:
    """Counted in this process, a minute at a time. Raises TooMany."""
    key = f"{door}:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, timeout=60)
    try:
        tries = cache.incr(key)
    except ValueError:  # it ran out between the two
        tries = 1
    if tries > tries_a_minute:
        raise TooMany(
            _("A link was opened."),
            _("Many have been opened from your address within a minute."),
            _("Wait a minute, then open it again."),
            retry_after=60,
        )
