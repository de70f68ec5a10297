"""Settings from the environment, read where they are declared, in one place each.

A module declares what it reads: `PORT = env.integer("NIGHTDESK_PORT", 8080, "Port of the web pages.")`. Every
declaration is kept in `REGISTRY`, so that the docs can be held against it. A variable that is set to nothing counts as
not set. A value that makes no sense raises `BadSetting`; it is never guessed at.
"""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, overload

Kind = Literal["text", "integer", "flag", "path", "secret", "words"]
T = TypeVar("T")

SYSTEM_STATE = Path("/var/lib/nightdesk")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class BadSetting(ValueError):
    """A variable holds what cannot be meant. The text names the variable, what it holds and what was expected."""

    code = "bad_setting"

    def __init__(self, name: str, given: str, expected: str) -> None:
        super().__init__(f"{name} is {given}. Expected: {expected}.")
        self.name, self.given, self.expected = name, given, expected


@dataclass(frozen=True)
class Setting:
    """One declared variable. `default` is what applies when it is not set; None: nothing. Of a secret, `NAME_FILE` may
    be set instead of `NAME`: the path of a file that holds the value.
    """

    name: str
    kind: Kind
    default: str | int | bool | Path | frozenset[str] | None
    help: str


REGISTRY: dict[str, Setting] = {}


def _declare(setting: Setting) -> None:
    """Put it into the registry. ValueError where another place has declared the same name differently."""
    known = REGISTRY.setdefault(setting.name, setting)
    if known != setting:
        raise ValueError(f"{setting.name} is declared twice: {known} and {setting}")


def _read(name: str, kind: Kind, default: T, help: str, convert: Callable[[str], T], expected: str) -> T:
    _declare(Setting(name, kind, default, help))  # type: ignore[arg-type]
    given = os.environ.get(name, "").strip()
    if not given:
        return default
    try:
        return convert(given)
    except ValueError:
        raise BadSetting(name, repr(given), expected) from None


@overload
def text(name: str, default: str, help: str) -> str: ...
@overload
def text(name: str, default: None, help: str) -> str | None: ...
def text(name: str, default: str | None, help: str) -> str | None:
    """The value without the spaces around it, else `default`."""
    return _read(name, "text", default, help, str, "a text")


@overload
def integer(name: str, default: int, help: str, *, least: int | None = ..., most: int | None = ...) -> int: ...
@overload
def integer(name: str, default: None, help: str, *, least: int | None = ..., most: int | None = ...) -> int | None: ...
def integer(
    name: str, default: int | None, help: str, *, least: int | None = None, most: int | None = None
) -> int | None:
    """A whole number in decimal digits from `least` to `most`, both allowed; None: no bound on that side."""

    def convert(given: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", given):
            raise ValueError
        number = int(given)
        if (least is not None and number < least) or (most is not None and number > most):
            raise ValueError
        return number

    bounds = f"{f' from {least}' if least is not None else ''}{f' up to {most}' if most is not None else ''}"
    return _read(name, "integer", default, help, convert, f"a whole number{bounds}")


def flag(name: str, default: bool, help: str) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off; in any case of letters."""

    def convert(given: str) -> bool:
        if given.lower() not in _TRUE | _FALSE:
            raise ValueError
        return given.lower() in _TRUE

    return _read(name, "flag", default, help, convert, "1, true, yes or on; or 0, false, no or off")


def words(name: str, known: tuple[str, ...], help: str) -> frozenset[str]:
    """Some of `known`, with commas between them; none unless it is set."""

    def convert(raw: str) -> frozenset[str]:
        given = frozenset(word for word in (part.strip() for part in raw.split(",")) if word)
        if not given <= frozenset(known):
            raise ValueError
        return given

    return _read(name, "words", frozenset[str](), help, convert, f"some of {', '.join(known)}, with commas")


@overload
def path(name: str, default: Path, help: str) -> Path: ...
@overload
def path(name: str, default: None, help: str) -> Path | None: ...
def path(name: str, default: Path | None, help: str) -> Path | None:
    """An absolute path. `~` is the home folder; a relative one counts from the folder that the program was started in.
    Whether anything stands there is not asked.
    """

    def convert(given: str) -> Path:
        if "\0" in given:
            raise ValueError
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError:  # ~somebody who does not exist
            raise ValueError from None

    return _read(name, "path", default, help, convert, "the path of a file or folder")


@overload
def secret(name: str, default: str, help: str) -> str: ...
@overload
def secret(name: str, default: None, help: str) -> str | None: ...
def secret(name: str, default: str | None, help: str) -> str | None:
    """The value of `name`, or the content of the file named by `name_FILE` without its last line end, else `default`.

    Raises BadSetting where both are set, or the file cannot be read or is empty. No message holds the secret.
    """
    _declare(Setting(name, "secret", default, help))
    given, file = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if given and file:
        raise BadSetting(name, f"set, and so is {name}_FILE", "only one of the two")
    if given:
        return given
    if not file:
        return default
    try:
        content = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadSetting(f"{name}_FILE", f"{file!r} ({reason})", "a file that can be read") from None
    if not content:
        raise BadSetting(f"{name}_FILE", f"{file!r} (empty)", "a file that holds the secret")
    return content


def _clone() -> Path | None:
    """The top folder of the source checkout that this file stands in; None in an installed package."""
    source = Path(__file__).resolve().parents[2]
    top = source.parent
    return top if source.name == "src" and (top / ".git").exists() else None


def state_dir() -> Path:
    """The folder for all that Nightdesk keeps on this machine; absolute, links resolved, perhaps not made yet.

    NIGHTDESK_STATE_DIR; else `.state` of a source checkout; else /var/lib/nightdesk as root and
    ~/.local/share/nightdesk as anybody else.
    """
    given = path("NIGHTDESK_STATE_DIR", None, "Folder for the database, files and keys of this installation.")
    clone = _clone()
    if given is not None:
        chosen = given
    elif clone is not None:
        chosen = clone / ".state"
    elif os.geteuid() == 0:
        chosen = SYSTEM_STATE
    else:
        try:
            chosen = Path("~/.local/share/nightdesk").expanduser()
        except RuntimeError:
            raise BadSetting("NIGHTDESK_STATE_DIR", "not set, and this user has no home folder", "a folder") from None
    return chosen.resolve()


def mark_of(folder: Path) -> str:
    """Twelve hexadecimal digits that stand for `folder` where its path would be too long or too telling."""
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
