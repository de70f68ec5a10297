"""The Asterisk of this installation, as the environment names it."""

from nightdesk.base import env
from nightdesk.lines.asterisk.client import Ari
from nightdesk.lines.asterisk.exchange import Asterisk
from nightdesk.lines.asterisk.fallen import TakeFallen
from nightdesk.lines.speech import Speech

NAME = "asterisk"
"""As `calls.Call.exchange` calls it."""

URL = env.text(
    "NIGHTDESK_ARI_URL", "", "Address of Asterisk's HTTP server (http://127.0.0.1:8088); empty: no phone line."
)
USER = env.text("NIGHTDESK_ARI_USER", "nightdesk", "User of ari.conf as whom we come to Asterisk.")
SECRET = env.secret("NIGHTDESK_ARI_SECRET", "", "That user's password.")
TRUNK = env.text(
    "NIGHTDESK_ARI_TRUNK",
    "PJSIP/{number}@trunk",
    "How Asterisk rings an outside number: {number} is E.164 with its plus, {digits} without.",
)
REGION = env.text(
    "NIGHTDESK_ARI_REGION", "GB", "Country (ISO 3166-1) whose numbers come in from the trunk without a country code."
).upper()


def is_wanted() -> bool:
    """Whether there is one."""
    return bool(URL)


def configured(speech: Speech, fallen: TakeFallen) -> Asterisk:
    """The line driver. Raises BadSetting."""
    if not URL.startswith(("http://", "https://")):
        raise env.BadSetting("NIGHTDESK_ARI_URL", repr(URL), "an address that begins with http:// or https://")
    if "{number}" not in TRUNK and "{digits}" not in TRUNK:
        raise env.BadSetting("NIGHTDESK_ARI_TRUNK", repr(TRUNK), "a text with {number} or {digits} in it")
    if len(REGION) != 2 or not REGION.isalpha():
        raise env.BadSetting("NIGHTDESK_ARI_REGION", repr(REGION), "two letters, as GB")
    return Asterisk(Ari(URL, USER, SECRET), speech, trunk=TRUNK, region=REGION, fallen=fallen)
