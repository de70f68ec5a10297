#!/usr/bin/env python3
"""`nightdesk-notify`: hands a monitor's notification to Nightdesk, and keeps it on disk until Nightdesk has it.

One file of the standard library alone, so that it can be copied to a monitoring host (Python 3.8 or newer). Each
notification is written to the spool first, whole and synced, and then everything there is sent in order. Where the server
is away, or answers 5xx or 429, it stays there for the next call or `--flush`. Only what the server calls unreadable (400,
413, 422) is put aside, into the spool's folder `refused`, so that it stops nothing behind it. It never takes longer than
`--time` seconds (5; of `--flush` 60) and says 0 as soon as the notification is safe on disk or with the server. Each has an
id of its own, by which the server knows what it had already.
"""

from __future__ import annotations

import contextlib
import fcntl
import getopt
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

USAGE = """\
usage: nightdesk-notify [-k KEY | --key-file FILE] [--url URL] [--spool DIR] [--config FILE] [--time SECONDS] ...

Where alarms go (also as KEY=, KEY_FILE=, URL=, SPOOL= in --config, by default /etc/nightdesk-notify.conf, or as
NIGHTDESK_NOTIFY_KEY and so on in the environment):
  --url URL             the server, such as https://nightdesk.example
  -k, --key KEY         the integration's key; rather --key-file FILE, as a command line can be seen by others

Nagios:   -n service|host -t TYPE -f MACRO=VALUE ... [-i KEY]     as pd-nagios; without -f from NAGIOS_* in the environment
Icinga 2: -l HOST -t TYPE -s STATE -o OUTPUT [-e SERVICE] ...     as its mail scripts (-d -n -u -4 -6 -b -c -i -r -f -v)
          or from NOTIFICATIONTYPE, HOSTNAME ... in the environment
Plain:    --summary TEXT [--severity S] [--source S] [--component C] [--dedup-key K] [--action A] [--detail NAME=VALUE]

  --flush               send what is in the spool, and nothing new
  --list                say what is in the spool
"""
PREFIX = "NIGHTDESK_NOTIFY_"
CONFIG = "/etc/nightdesk-notify.conf"
MOST_FILES = 20_000
MOST_BYTES = 200 * 1024 * 1024
LONGEST_VALUE = 32 * 1024
UNREADABLE = (400, 413, 422)
SHORT = "n:k:t:f:i:d:l:o:s:r:e:u:4:6:b:c:v:h"
LONG = [
    "key=",
    "key-file=",
    "url=",
    "spool=",
    "config=",
    "time=",
    "ca-file=",
    "flush",
    "list",
    "help",
    "summary=",
    "severity=",
    "source=",
    "component=",
    "dedup-key=",
    "action=",
    "detail=",
]
ICINGA = {
    "d": "LONGDATETIME",
    "l": "HOSTNAME",
    "n": "HOSTDISPLAYNAME",
    "o": "OUTPUT",
    "s": "STATE",
    "e": "SERVICENAME",
    "u": "SERVICEDISPLAYNAME",
    "4": "HOSTADDRESS",
    "6": "HOSTADDRESS6",
    "b": "NOTIFICATIONAUTHORNAME",
    "c": "NOTIFICATIONCOMMENT",
    "i": "ICINGAWEB",
}
"""Options of Icinga 2's own mail scripts, and what they mean. -r, -f and -v are about mail and say nothing here."""
FROM_ENVIRONMENT = (
    *("NOTIFICATIONTYPE", "HOSTNAME", "HOSTDISPLAYNAME", "HOSTALIAS", "HOSTADDRESS", "HOSTADDRESS6", "HOSTSTATE"),
    *("HOSTSTATETYPE", "HOSTOUTPUT", "LONGHOSTOUTPUT", "SERVICENAME", "SERVICEDESC", "SERVICEDISPLAYNAME"),
    *("SERVICESTATE", "SERVICESTATETYPE", "SERVICEOUTPUT", "LONGSERVICEOUTPUT", "LONGDATETIME"),
    *("NOTIFICATIONAUTHOR", "NOTIFICATIONAUTHORNAME", "NOTIFICATIONCOMMENT", "HOSTNOTESURL", "SERVICENOTESURL"),
    *("SERVICEACTIONURL", "HOSTPROBLEMID", "SERVICEPROBLEMID", "HOSTDURATION", "SERVICEDURATION", "HOSTATTEMPT"),
    "SERVICEATTEMPT",
)
"""Macros that are taken from the environment: of the hundreds that Nagios puts there, those that tell something."""


class Misused(Exception):
    """The command line, or the configuration, makes no sense."""


class Full(Exception):
    """The spool holds as much as it may."""


# --- What is to be told ----------------------------------------------------------------------------------------------


def notification(options: list[tuple[str, str]], environment: Mapping[str, str]) -> dict[str, object] | None:
    """The body without its id; None where nothing was given to tell. Raises Misused."""
    given = [(name.lstrip("-"), value) for name, value in options]
    words = dict(given)
    if "summary" in words or "dedup-key" in words or "action" in words:
        return {"plain": _plain(given)}
    if words.keys() & {"l", "o", "s", "e", "d", "u"}:
        return {"fields": _icinga(words)}
    if "f" in words or "n" in words:
        return {"fields": _nagios(given)}
    fields = {name: environment.get(f"NAGIOS_{name}", "") for name in FROM_ENVIRONMENT}
    if not fields["NOTIFICATIONTYPE"] and environment.get("NOTIFICATIONTYPE"):
        # Only then: HOSTNAME alone is in the environment of every shell.
        fields = {name: environment.get(name, "") for name in FROM_ENVIRONMENT}
    fields = {name: value for name, value in fields.items() if value}
    if "t" in words:
        fields["NOTIFICATIONTYPE"] = words["t"]
    return {"fields": fields} if "HOSTNAME" in fields and "NOTIFICATIONTYPE" in fields else None


def _plain(given: list[tuple[str, str]]) -> dict[str, object]:
    plain: dict[str, object] = {}
    details: dict[str, str] = {}
    for name, value in given:
        if name in ("summary", "severity", "source", "component", "action"):
            plain[name] = value
        elif name == "dedup-key":
            plain["dedup_key"] = value
        elif name == "detail":
            key, _, text = value.partition("=")
            details[key] = text
    return plain | ({"details": details} if details else {})


def _icinga(words: Mapping[str, str]) -> dict[str, str]:
    what = "SERVICE" if words.get("e") else "HOST"
    fields = {"NOTIFICATIONTYPE": words.get("t", "")}
    for option, name in ICINGA.items():
        if words.get(option):
            fields[f"{what}{name}" if name in ("STATE", "OUTPUT") else name] = words[option]
    if not fields.get("HOSTNAME"):
        raise Misused("Icinga's form needs the host: -l HOST")
    return fields


def _nagios(given: list[tuple[str, str]]) -> dict[str, str]:
    fields = {}
    for name, value in given:
        if name == "f":
            # Only the first "=" parts name and value: values hold them too.
            macro, equals, text = value.partition("=")
            if not equals:
                raise Misused(f"-f takes MACRO=VALUE, and got {value!r}")
            fields[macro.strip().upper()] = text
        elif name == "t":
            fields["NOTIFICATIONTYPE"] = value
        elif name == "i":
            fields["INCIDENTKEY"] = value
    if dict(given).get("n") == "host":
        fields = {name: value for name, value in fields.items() if not name.startswith("SERVICE")}
    return fields


# --- Where it goes ---------------------------------------------------------------------------------------------------


class Place:
    """The server, the key and the spool, from the command line, the environment or the configuration, in this order."""

    def __init__(self, words: Mapping[str, str], environment: Mapping[str, str]) -> None:
        config = _config(words.get("config"), environment)

        def find(option: str, name: str) -> str:
            return words.get(option) or environment.get(name) or config.get(name[len(PREFIX) :], "")

        self.url = find("url", "NIGHTDESK_NOTIFY_URL").rstrip("/")
        self.key = words.get("k") or ("" if "key-file" in words else find("key", "NIGHTDESK_NOTIFY_KEY"))
        self.key_file = "" if self.key else find("key-file", "NIGHTDESK_NOTIFY_KEY_FILE")
        self.ca_file = find("ca-file", "NIGHTDESK_NOTIFY_CA_FILE")
        self.spool = Path(find("spool", "NIGHTDESK_NOTIFY_SPOOL") or _usual_spool(environment))

    def destination_of(self, item: Mapping[str, object]) -> tuple[str, str]:
        """Server and key of an item of the spool: its own, and where it has none, those known now. Raises Misused."""
        url = str(item.get("url") or self.url)
        key = str(item.get("key") or "") or _read_key(str(item.get("key_file") or "")) or self.key
        key = key or _read_key(self.key_file)
        if not url.startswith(("http://", "https://")):
            raise Misused("no server: give --url URL, or URL= in the configuration")
        if not key:
            raise Misused("no key: give --key-file FILE, or KEY_FILE= in the configuration")
        return url, key


def _read_key(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except OSError as error:
        raise Misused(f"the key in {path} cannot be read: {error}") from error


def _config(wanted: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    path = wanted or environment.get("NIGHTDESK_NOTIFY_CONFIG") or CONFIG
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        if wanted:
            raise Misused(f"the configuration {path} cannot be read: {error}") from error
        return {}
    pairs = (line.partition("=") for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return {name.strip().upper(): value.strip() for name, _, value in pairs}


def _usual_spool(environment: Mapping[str, str]) -> str:
    common = Path("/var/spool/nightdesk-notify")
    if os.access(common, os.W_OK):
        return str(common)
    return str(Path(environment.get("HOME") or "/var/tmp") / ".nightdesk-notify")  # noqa: S108  # 0700, and asked for


# --- The spool -------------------------------------------------------------------------------------------------------


class Spool:
    """Notifications as files whose names sort in the order they came. A folder of one user, 0700, its files 0600."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise PermissionError(f"the spool {folder} belongs to somebody else")
        folder.chmod(0o700)

    def waiting(self) -> list[Path]:
        """Those that have not been sent, the first first."""
        return sorted(path for path in self.folder.iterdir() if path.suffix == ".json")

    def add(self, body: bytes) -> None:
        """Written and synced, after all that is there. Raises Full, OSError."""
        with self.locked("order"):
            there = self.waiting()
            held = sum(path.stat().st_size for path in there if path.exists())
            if len(there) >= MOST_FILES or held + len(body) > MOST_BYTES:
                raise Full(f"{len(there)} notifications wait in {self.folder}")
            newest = int(there[-1].name.partition("-")[0]) if there else 0
            # Not the time alone: a clock that is set back must not put a recovery before its problem.
            name = f"{max(time.time_ns(), newest + 1):020d}-{os.getpid()}"
            path = self.folder / f"{name}.tmp"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            path.rename(self.folder / f"{name}.json")
            self._sync()

    def remove(self, path: Path) -> None:
        """It has been sent."""
        path.unlink(missing_ok=True)
        self._sync()

    def put_aside(self, path: Path, why: str) -> None:
        """It can never be sent as it is: it stays in `refused`, beside the reason."""
        aside = self.folder / "refused"
        aside.mkdir(mode=0o700, exist_ok=True)
        (aside / f"{path.stem}.why").write_text(why, encoding="utf-8")
        path.rename(aside / path.name)
        self._sync()

    @contextlib.contextmanager
    def locked(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock `name`; without `wait`, say whether it was free."""
        with open(os.open(self.folder / f".{name}", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush(spool: Spool, place: Place, ends_at: float) -> None:
    """Send what is there in order until `ends_at` (of the monotonic clock). Who finds another at it leaves it to them."""
    while True:
        with spool.locked("flush", wait=False) as mine:
            if not mine:
                return
            tried = _send_all(spool, place, ends_at)
        # Whoever wrote one while the lock was held has left it to us: look once more after it is free.
        if time.monotonic() >= ends_at or {path.name for path in spool.waiting()} <= tried:
            return


def _send_all(spool: Spool, place: Place, ends_at: float) -> set[str]:
    """Names of those that could not be sent now. After one of a destination those behind it wait."""
    stopped: set[tuple[str, str]] = set()
    left: set[str] = set()
    for path in spool.waiting():
        try:
            item = json.loads(path.read_bytes())
            body = json.dumps(item["body"]).encode()
        except (OSError, ValueError, KeyError, TypeError) as error:
            spool.put_aside(path, f"it cannot be read: {error}")
            continue
        own = (str(item.get("url")), str(item.get("key") or item.get("key_file")))
        if own in stopped or time.monotonic() >= ends_at:
            left.add(path.name)
            continue
        status, why = _send(place, item, body, max(0.1, ends_at - time.monotonic()))
        if 200 <= status < 300:
            spool.remove(path)
        elif status in UNREADABLE:
            spool.put_aside(path, f"{status}: {why}")
            say(f"the server cannot read {path.name} ({status} {why}); it lies in {spool.folder}/refused")
        else:
            stopped.add(own)
            left.add(path.name)
            say(f"not sent now, kept in {spool.folder}: {f'{status} ' if status else ''}{why}")
    return left


def _send(place: Place, item: Mapping[str, object], body: bytes, within: float) -> tuple[int, str]:
    try:
        return send(place.destination_of(item), str(item.get("ca_file") or place.ca_file), body, within)
    except Misused as error:
        return 0, str(error)


def send(destination: tuple[str, str], ca_file: str, body: bytes, within: float) -> tuple[int, str]:
    """The server's status (0: it did not answer) and what it said."""
    url, key = destination
    headers = {"Content-Type": "application/json", "X-Routing-Key": key, "User-Agent": "nightdesk-notify/1"}
    context = None
    try:
        if ca_file:
            import ssl

            context = ssl.create_default_context(cafile=ca_file)
        request = urllib.request.Request(f"{url}/hooks/nagios", body, headers)  # noqa: S310  # the scheme was looked at
        with urllib.request.urlopen(request, timeout=within, context=context) as answer:  # noqa: S310
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(300).decode("utf-8", "replace").strip()
    except (OSError, ValueError) as error:
        return 0, str(getattr(error, "reason", error))


# --- The command -----------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """To standard error, where Nagios and cron look."""
    print(f"nightdesk-notify: {text}", file=sys.stderr)  # noqa: T201


def readable(text: str) -> str:
    """An argument as text: bytes that are no UTF-8 are taken for Latin-1, and what is endless is cut."""
    raw = os.fsencode(text)[:LONGEST_VALUE]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "ignore") if len(raw) == LONGEST_VALUE else raw.decode("latin-1")


def run(arguments: list[str], environment: Mapping[str, str]) -> int:
    """The exit status: 0 once the notification is safe, 1 where it is not, 2 for a wrong command line."""
    try:
        options, rest = getopt.gnu_getopt(arguments, SHORT, LONG)
    except getopt.GetoptError as error:
        raise Misused(str(error)) from error
    if rest:
        raise Misused(f"what is {rest[0]!r}?")
    words = {name.lstrip("-"): readable(value) for name, value in options}
    if "h" in words or "help" in words:
        print(USAGE, end="")  # noqa: T201
        return 0
    ends_at = time.monotonic() + _seconds(words)
    place = Place(words, environment)
    told = None
    if "flush" not in words and "list" not in words:
        told = notification([(name, readable(value)) for name, value in options], environment)
        if told is None:
            raise Misused("there is nothing to tell; see --help")
    item: dict[str, object] = {"url": place.url, "key": place.key, "key_file": place.key_file, "ca_file": place.ca_file}
    if told is not None:
        item["body"] = body_of(told)
    try:
        spool = Spool(place.spool)
        if told is not None:
            spool.add(json.dumps(item).encode())
    except (Full, OSError) as error:
        if told is None:
            raise
        _end_at(ends_at, 1)
        return _without_spool(place, item, f"{error}", ends_at)
    if "list" in words:
        for path in spool.waiting():
            body = json.loads(path.read_bytes()).get("body")
            print(f"{path.name} {json.dumps(body)}")  # noqa: T201
        return 0
    _end_at(ends_at, 0)
    flush(spool, place, ends_at - 0.2)
    return 0


def body_of(told: Mapping[str, object]) -> dict[str, object]:
    """What is told, with the id by which the server knows it again."""
    return {"id": str(uuid.uuid4()), "told_at": time.time(), **told}


def _without_spool(place: Place, item: Mapping[str, object], why: str, ends_at: float) -> int:
    """It cannot be kept: then it is sent past those that wait, which is better than not at all."""
    body = json.dumps(item["body"]).encode()
    status, said = _send(place, item, body, max(0.1, ends_at - time.monotonic() - 0.2))
    if 200 <= status < 300:
        say(f"sent, though it could not be kept: {why}")
        return 0
    say(f"NOT KEPT ({why}) AND NOT SENT ({status or ''} {said})")
    return 1


def _seconds(words: Mapping[str, str]) -> float:
    try:
        return max(0.5, float(words.get("time") or (60 if "flush" in words else 5)))
    except ValueError as error:
        raise Misused("--time takes seconds") from error


def _end_at(ends_at: float, status: int) -> None:
    """Nothing holds the monitor up: a look-up of a name, for one, cannot be given a time. What was not sent is on disk."""

    def stop() -> NoReturn:
        time.sleep(max(0.0, ends_at - time.monotonic()))
        os._exit(status)

    threading.Thread(target=stop, daemon=True).start()


def main() -> NoReturn:
    """The command `nightdesk-notify`."""
    try:
        status = run(sys.argv[1:], os.environ)
    except Misused as error:
        say(str(error))
        status = 2
    except (Full, OSError) as error:
        say(str(error))
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
