"""What every route to an outside provider may be told about its speed, and about its price."""

from django.utils.translation import gettext_lazy as _

from nightdesk.channels.driver import Field

PACING = (
    Field("per_second", _("Messages a second"), kind="integer", help=_("What the provider allows; empty: no limit.")),
    Field("at_once", _("Messages at once"), kind="integer", help=_("Sends in flight at the same time.")),
)
PRICE = (
    Field("price", _("Price of a part"), kind="price", help=_("0.04, say; shown before a text is sent, and added up.")),
    Field("currency", _("Currency"), default="EUR", help=_("Three letters, as in EUR.")),
)
