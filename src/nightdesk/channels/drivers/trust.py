"""Whose certificate a server of one's own may show: what every driver that speaks TLS itself asks."""

import ssl

from django.utils.translation import gettext_lazy as _

from nightdesk.channels.driver import Field, Settings

TRUST = (
    Field(
        "certificate",
        _("Certificate to trust"),
        kind="long",
        help=_("PEM; for a server of your own whose certificate nobody else has signed."),
    ),
)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Trusts the route's own certificate where it names one, else the authorities that the system knows."""
    return ssl.create_default_context(cadata=settings.get("certificate") or None)
