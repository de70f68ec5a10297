"""Where the database stands on disk: which folder, whose files, which passwords, and how it is made.

    <home>/                   ours; others may enter it as root's (0711), nobody as a user's (0700)
        data/                 PostgreSQL's own (0700)
        socket/               the only way in (0700); elsewhere when its path would be too long
        *.password            ours alone (0600)
        postgres.log          ours alone
        starting.lock, users.lock

As root PostgreSQL must run as somebody else, and that user must be able to walk to `data`. No folder that was there
before is ever opened for it: where the way is barred, the home is another folder.
"""

import locale
import logging
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nightdesk.base import env
from nightdesk.base.binaries import Binaries
from nightdesk.base.disk import sync_folder

log = logging.getLogger("nightdesk.postgres")

SUPERUSER = "nightdesk_supervisor"
APP = "nightdesk"
SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 107  # bytes; sockaddr_un has 108 with the closing zero
_CLEAN_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class CannotStart(RuntimeError):
    """The database cannot be had. The text says what was wanted, what is so, and what to do."""

    code = "database_cannot_start"


@dataclass(frozen=True)
class Account:
    """The user that PostgreSQL runs as. `other`: it is not the one that we run as, so files must be handed over."""

    name: str
    uid: int
    gid: int
    other: bool


def run_as(account: Account) -> dict[str, Any]:
    """What subprocess needs so that a program runs as `account`, in a clean environment."""
    who: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.other else {}
    return {"cwd": "/", "env": _CLEAN_ENVIRONMENT, "stdin": subprocess.DEVNULL, **who}


@dataclass(frozen=True)
class Cluster:
    """One database folder and the user that it belongs to."""

    home: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        return self.home / "postgres.log"

    @property
    def spool(self) -> Path:
        """Where it hands out what it writes, if it is to (`base.wal`)."""
        return self.home / "wal"

    def make_spool(self) -> None:
        """PostgreSQL alone, and root, may look into it."""
        self.spool.mkdir(mode=0o700, exist_ok=True)
        self.hand_over(self.spool)

    @property
    def name(self) -> str:
        """What its processes carry in their titles; the same for the same home."""
        return f"nightdesk-{env.mark_of(self.home)}"

    @property
    def exists(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    @property
    def major(self) -> int:
        """The version of PostgreSQL that made it."""
        return int((self.data / "PG_VERSION").read_text())

    @property
    def socket_folder(self) -> Path:
        """Inside the home, or a short name below /run or /tmp: the same for every process that asks."""
        inside = self.home / "socket"
        # A comma separates hosts in what libpq is given, so it may not stand in a path.
        if len(os.fsencode(inside / SOCKET)) <= _LONGEST_SOCKET and "," not in str(inside):
            return inside
        short = Path("/run" if os.geteuid() == 0 else "/tmp")  # noqa: S108 - checked in make_socket_folder
        return short / f"{self.name}-{self.account.uid}"

    def make_socket_folder(self) -> None:
        """CannotStart where somebody else has made it before us: whoever owns it could read what we send."""
        folder = self.socket_folder
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.account.uid or found.st_mode & 0o077:
                raise CannotStart(
                    f"The database's socket belongs into {folder}, but that is not a folder of "
                    f"{self.account.name} alone. Find out who made it and remove it."
                ) from None
        else:
            self.hand_over(folder)

    def password(self, role: str) -> str:
        """CannotStart where its file cannot be read: another one cannot be made up for a database that exists."""
        file = self.home / f"{role}.password"
        try:
            return file.read_text().strip()
        except OSError as error:
            raise CannotStart(
                f"The password in {file} is needed ({error.strerror}). "
                "Put the file back from a copy of the folder, or run Nightdesk as the user that owns it."
            ) from error

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.password(role)}@/{database}?host={quote(str(self.socket_folder), safe='')}"

    def make(self, binaries: Binaries) -> None:
        """Make the database files. Killed half-way it leaves nothing that counts as a database."""
        self.invent_password(SUPERUSER)
        unfinished, key = self.home / "data.unfinished", self.home / "initdb.password"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        key.unlink(missing_ok=True)
        _write(key, self.password(SUPERUSER))
        for handed in (unfinished, key):
            self.hand_over(handed)
        arguments = [
            "-D",
            str(unfinished),
            "-U",
            SUPERUSER,
            "-A",
            "scram-sha-256",
            f"--pwfile={key}",
            "-k",
            "-E",
            "UTF8",
        ]
        arguments.append(f"--locale={'C.UTF-8' if _has_locale('C.UTF-8') else 'C'}")
        if binaries.major >= 17:
            # The built-in one sorts alike on every machine and under every libc, so indexes survive a move.
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        try:
            done = subprocess.run(  # noqa: S603
                [str(binaries.folder / "initdb"), *arguments],
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                **run_as(self.account),
            )
        except OSError as error:
            raise CannotStart(f"{binaries} cannot be run as {self.account.name}: {error}.") from error
        finally:
            key.unlink(missing_ok=True)
        if done.returncode:
            raise CannotStart(f"initdb of {binaries} could not make {self.data}:\n{done.stdout.strip()}")
        unfinished.rename(self.data)
        sync_folder(self.home)

    def invent_password(self, role: str) -> None:
        """Afterwards there is a file with one; one that is there stays."""
        file = self.home / f"{role}.password"
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            _write(unfinished, secrets.token_urlsafe(32))
            unfinished.rename(file)
            sync_folder(self.home)

    def hand_over(self, path: Path) -> None:
        """It belongs to the user that PostgreSQL runs as."""
        if self.account.other:
            os.chown(path, self.account.uid, self.account.gid)


def locate(state: Path) -> Cluster:
    """The cluster of this state folder: the one that exists, else a new home that PostgreSQL's user can reach.

    Raises CannotStart where there is no such place, or where the files are somebody else's.
    """
    state = state.resolve()
    homes = [state / "postgres"]
    if os.geteuid() == 0:
        homes.append(env.SYSTEM_STATE / env.mark_of(state) / "postgres")
    for home in homes:
        if _there(home / "data"):
            cluster = Cluster(home, _owner(home / "data"))
            if not _may_enter(home, cluster.account):
                raise CannotStart(_barred(home, cluster.account))
            return cluster
    account = _chosen_account()
    for home in homes:
        make_folder(home)
        if _may_enter(home, account):
            if home != homes[0]:
                log.warning("PostgreSQL runs as %s, who may not enter %s: it stands in %s.", account.name, state, home)
            return Cluster(home, account)
        with suppress(OSError):
            home.rmdir()
    raise CannotStart(_barred(homes[-1], account))


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError as error:
        raise CannotStart(
            f"{path} cannot be looked at by {_name(os.geteuid())}. "
            "Run Nightdesk as the user who made it, or set NIGHTDESK_STATE_DIR to another folder."
        ) from error


def _barred(folder: Path, account: Account) -> str:
    return (
        f"PostgreSQL runs as {account.name}, who may not enter {folder}. Set NIGHTDESK_STATE_DIR to a folder that "
        f"{account.name} may enter, or run Nightdesk as an ordinary user."
    )


def _owner(data: Path) -> Account:
    """Whoever the files belong to, even if we would choose somebody else today."""
    uid = data.stat().st_uid
    ours = os.geteuid()
    if uid == 0 or ours not in (0, uid):
        raise CannotStart(
            f"The database files in {data} belong to {_name(uid)}, and Nightdesk runs as {_name(ours)}. "
            "Run it as the user who made them, or set NIGHTDESK_STATE_DIR to another folder."
        )
    return _account(uid)


def _chosen_account() -> Account:
    if os.geteuid() != 0:
        return _account(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise CannotStart("PostgreSQL does not run as root, and there is no user postgres or nobody. Add one of them.")


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise CannotStart(
            f"PostgreSQL only runs as a user that has a name, and user {uid} has none. Add it to /etc/passwd."
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid, other=uid != os.geteuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _may_enter(folder: Path, account: Account) -> bool:
    """Asked of the kernel as that user, since modes are not all that counts."""
    done = subprocess.run(["/usr/bin/test", "-x", f"{folder}/."], check=False, **run_as(account))  # noqa: S603
    return done.returncode == 0


def make_folder(path: Path) -> None:
    """Make what is missing of `path`, whatever the umask. What is there stays as it is.

    As root others may enter it, because PostgreSQL must, but not list it (0711); as a user nobody may (0700).
    """
    for folder in reversed([path, *path.parents]):
        if _there(folder):
            continue
        try:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise CannotStart(
                f"{path} is needed, but {folder} cannot be made ({error.strerror}). "
                "Set NIGHTDESK_STATE_DIR to a folder that you may write."
            ) from error


def _write(file: Path, content: str) -> None:
    """A new file for our eyes alone, on the disk when this returns."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(content + "\n")
        opened.flush()
        os.fsync(descriptor)


def _has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return True
