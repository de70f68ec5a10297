"""What a folder says of its files is on the disk, and not only in the machine's memory."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Names that were given, changed or taken in the folder are there after a loss of power as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
