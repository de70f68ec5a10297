"""What an S/MIME mail carries (RFC 8551): the mail inside one that is only signed. Pure.

Signatures are not checked here: nobody has told us whose certificates to trust. Nothing is decrypted either.
"""

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_SEQUENCE, _OID, _OCTETS, _MANY_OCTETS, _CONTEXT_0 = 0x30, 0x06, 0x04, 0x24, 0xA0
DEEPEST = 12
MOST_PIECES = 200_000


class _Broken(ValueError):
    pass


def signed_content(content: bytes) -> bytes | None:
    """What a CMS SignedData (RFC 5652 5.1) carries, in DER or BER; None where it is something else, or only a signature."""
    try:
        outer = _inside(memoryview(content), _SEQUENCE)
        kind, rest = _first(outer, _OID)
        if bytes(kind) != _SIGNED_DATA:
            return None
        signed = _inside(_inside(rest, _CONTEXT_0), _SEQUENCE)
        for _field in range(2):  # the version, the digests' names
            _tag, _value, signed = _next(signed)
        encapsulated = _inside(signed, _SEQUENCE)
        _kind, rest = _first(encapsulated, _OID)
        carried = _inside(rest, _CONTEXT_0)
        return _octets(carried, 0)
    except (_Broken, IndexError):
        return None


def _inside(data: memoryview, tag: int) -> memoryview:
    found, value, _rest = _next(data)
    if found != tag:
        raise _Broken
    return value


def _first(data: memoryview, tag: int) -> tuple[memoryview, memoryview]:
    found, value, rest = _next(data)
    if found != tag:
        raise _Broken
    return value, rest


def _next(data: memoryview) -> tuple[int, memoryview, memoryview]:
    """(tag, value, what follows) of the first element (X.690). Of an indefinite length it goes to its end mark."""
    tag, length, start = data[0], data[1], 2
    if tag & 0x1F == 0x1F:
        raise _Broken  # a tag of several bytes: none that is looked for
    if length == 0x80:
        end = _end_of_indefinite(data, start, 0)
        return tag, data[start : end - 2], data[end:]
    if length > 0x80:
        count = length & 0x7F
        if count > 6:
            raise _Broken
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise _Broken
    return tag, data[start : start + length], data[start + length :]


def _end_of_indefinite(data: memoryview, place: int, depth: int) -> int:
    """Where the element ends whose content begins at `place`, behind its end mark."""
    if depth > DEEPEST:
        raise _Broken
    while bytes(data[place : place + 2]) != b"\0\0":
        length, start = data[place + 1], place + 2
        if data[place] & 0x1F == 0x1F:
            raise _Broken
        if length == 0x80:
            place = _end_of_indefinite(data, start, depth + 1)
            continue
        if length > 0x80:
            count = length & 0x7F
            if count > 6:
                raise _Broken
            length = int.from_bytes(data[start : start + count], "big")
            start += count
        place = start + length
        if place > len(data):
            raise _Broken
    return place + 2


def _octets(data: memoryview, depth: int) -> bytes:
    """An OCTET STRING, in one piece or in many."""
    tag, value, _rest = _next(data)
    if tag == _OCTETS:
        return bytes(value)
    if tag != _MANY_OCTETS or depth > DEEPEST:
        raise _Broken
    pieces: list[bytes | memoryview] = []
    while value:
        if len(pieces) >= MOST_PIECES:
            raise _Broken
        kind, piece, following = _next(value)
        pieces.append(piece if kind == _OCTETS else _octets(value, depth + 1))
        value = following
    return b"".join(pieces)
