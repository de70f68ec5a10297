"""The file of this installation's master keys: a new one in front, and old ones taken in from a backup."""

import os
from pathlib import Path

from django.conf import settings

from nightdesk.base import vault
from nightdesk.base.refusals import IllegalTransition


def put_in_front(new: str) -> None:
    """`new` seals and signs from now on, in every process of this installation; the older ones still open.

    Raises IllegalTransition where the keys come from the environment.
    """
    _write([new, *vault.master_keys()])


def drop_older() -> int:
    """Only the newest key is left; returns how many went. What they signed is no longer believed."""
    keys = vault.master_keys()
    _write([keys[0]])
    return len(keys) - 1


def keep_keys(keys: list[str], *, fresh: bool) -> str:
    """The keys of a backup open here too; returns what to tell of it, "" where they did already.

    `fresh`: nothing was sealed with the keys that are here, so those of the backup take their place.
    """
    known = list(vault.master_keys())
    missing = [key for key in keys if key not in known]
    if not missing:
        return ""
    if settings.SECRET_KEY_PLACE is None:
        return (
            "The backup's master keys are not those of NIGHTDESK_SECRET_KEY here. They were in its secret.key; "
            "put them into NIGHTDESK_OLD_SECRET_KEYS."
        )
    _write(keys if fresh else [*known, *missing])
    return "The backup's master keys are in place." if fresh else "The backup's master keys open here too."


def _write(keys: list[str]) -> None:
    place: Path | None = settings.SECRET_KEY_PLACE
    if place is None:
        raise IllegalTransition(
            "The master key was to be changed.",
            "It comes from NIGHTDESK_SECRET_KEY, which only you can change.",
            "Set the new one there and the old one in NIGHTDESK_OLD_SECRET_KEYS, restart every process, "
            "and run: nightdesk rotate_key --reseal",
        )
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
        new.write("".join(f"{key}\n" for key in dict.fromkeys(keys)))
        new.flush()
        os.fsync(new.fileno())
        _keep_owner(place, new.fileno())
    draft.replace(place)


def _keep_owner(place: Path, descriptor: int) -> None:
    """The new file is whose the old one was: written by root, the processes of the installation must still read it."""
    try:
        before = place.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
