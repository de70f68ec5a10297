"""A recording as an answer to a browser, which asks for parts of it: RFC 9110, section 14."""

import re

from django.http import HttpResponse

from nightdesk.base import files
from nightdesk.base.refusals import NotFound
from nightdesk.calls.models import Recording

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


def answer_with_sound(recording: Recording, wanted: str) -> HttpResponse:
    """The WAV, or the one part of it that the header `wanted` (of `Range`) asks for; 416 for one that is not there.

    Raises NotFound where the file has gone.
    """
    try:
        sound = files.read_file(recording.digest)
    except FileNotFoundError:
        raise NotFound("You asked for a recording.", "Its file is not in the folder of files.", "") from None
    part = part_of(wanted, len(sound))
    if part is None:
        answer = HttpResponse(sound, content_type="audio/wav")
    elif part[0] >= part[1]:
        answer = HttpResponse(status=416, headers={"Content-Range": f"bytes */{len(sound)}"})
    else:
        first, end = part
        answer = HttpResponse(sound[first:end], status=206, content_type="audio/wav")
        answer["Content-Range"] = f"bytes {first}-{end - 1}/{len(sound)}"
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = "private, no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def part_of(wanted: str, length: int) -> tuple[int, int] | None:
    """The bytes [first, end) that a Range header asks for; None for no header, or one that is not for us to read.

    A part that is not there is empty: its end is not after its beginning.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(0, length - int(last)), length if int(last) else 0
    end = min(int(last) + 1, length) if last else length
    return int(first), end
