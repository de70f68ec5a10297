"""Where backups lie, how often they are made, and with which key they are sealed; and where exports lie."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from nightdesk.base import env

FOLDER = env.path(
    "NIGHTDESK_BACKUP_DIR", settings.STATE_DIR / "backups", "Folder of sealed backups; best on another machine's disk."
)
EVERY = timedelta(
    hours=env.integer(
        "NIGHTDESK_BACKUP_HOURS", 24, "Hours from one backup to the next; 0: only when asked for.", least=0, most=168
    )
)
_GIVEN = env.secret(
    "NIGHTDESK_BACKUP_KEY", "", "Key that seals backups; empty: the one in backup.key of the state folder."
)


def file_named(word: str) -> Path:
    """What a person means by a backup's name: a path that they wrote, else the file of that name in the folder."""
    path = Path(word)
    return path if path.exists() or len(path.parts) > 1 else FOLDER / path


def exports() -> Path:
    """The folder of exports for a day: beside attachments and recordings, where web and worker of several machines reach it."""
    folder = Path(settings.FILES_DIR) / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def export_file(export_id: int) -> Path:
    """Where the zip of that export lies, once it is whole."""
    return exports() / f"{export_id}.zip"


def key_file() -> Path:
    """Where the key lies that was made up for want of NIGHTDESK_BACKUP_KEY."""
    return Path(settings.STATE_DIR) / "backup.key"


def backup_key() -> bytes:
    """What backups are sealed with; one is made up at the first need."""
    if _GIVEN:
        return _GIVEN.encode()
    file = key_file()
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"backup.key.{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(48) + "\n")
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip().encode()


def is_key_given() -> bool:
    """Whether the key comes from the environment, and so from elsewhere than the folder that is backed up."""
    return bool(_GIVEN)
