"""What lies sealed in the database tells nothing without the master key, and cannot be changed unnoticed."""

import pytest

from nightdesk.base import vault


def test_what_was_sealed_comes_back_and_does_not_show() -> None:
    sealed = vault.seal(b"the provider's password")
    assert b"password" not in sealed
    assert vault.open_(sealed) == b"the provider's password"
    assert vault.seal(b"the provider's password") != sealed


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(vault.seal(b"secret"))
    sealed[place] ^= 1
    with pytest.raises(vault.Unreadable):
        vault.open_(bytes(sealed))


@pytest.mark.parametrize("rubbish", [b"", b"\x01", b"\x01" + bytes(12), b"\x01" + bytes(40)])
def test_what_was_never_sealed_is_refused(rubbish: bytes) -> None:
    with pytest.raises(vault.Unreadable):
        vault.open_(rubbish)


def test_another_master_key_opens_nothing(settings: object) -> None:
    sealed = vault.seal(b"secret")
    settings.SECRET_KEY = "another key altogether"  # type: ignore[attr-defined]
    with pytest.raises(vault.Unreadable):
        vault.open_(sealed)


def test_each_purpose_has_its_own_key() -> None:
    assert vault.key_for("links") != vault.key_for("vault")
    assert vault.key_for("links") == vault.key_for("links")
