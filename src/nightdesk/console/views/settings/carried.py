"""A file that one page shows and carries to the next, so that what was looked at is what is taken: packed in a hidden field."""

import base64
import binascii
import zlib

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid

MAX_FILE_BYTES = 12 * 1024 * 1024
MAX_PACKED = 2 * 1024 * 1024
"""Of what a page carries."""
MAX_UNPACKED = 256 * 1024 * 1024


def packed(content: bytes, asked: str, command: str) -> str:
    """The file as a field holds it. Raises Invalid where that is too long; `command` takes longer ones."""
    text = base64.b64encode(zlib.compress(content)).decode()
    if len(text) > MAX_PACKED:
        do = _("Split it, or use nightdesk {command} on the command line.").format(command=command)
        raise Invalid(asked, _("It is too long for the browser."), do)
    return text


def unpacked(text: str, asked: str) -> bytes:
    """The file that such a field held. Raises Invalid where it holds none."""
    try:
        return zlib.decompressobj().decompress(base64.b64decode(text, validate=True), MAX_UNPACKED)
    except (binascii.Error, zlib.error, ValueError):
        raise Invalid(asked, _("The file did not come with it."), _("Choose the file once more.")) from None
