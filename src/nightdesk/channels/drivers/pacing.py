"""What every route to an outside provider may be told about its speed."""

from django.utils.translation import gettext_lazy as _

from nightdesk.channels.driver import Field

PACING = (
    Field("per_second", _("Messages a second"), kind="integer", help=_("What the provider allows; empty: no limit.")),
    Field("at_once", _("Messages at once"), kind="integer", help=_("Sends in flight at the same time.")),
)
