"""Badges: a small picture with a name and how it stands, for web sites and read-me files of others. Pure."""

import unicodedata
from html import escape
from typing import Literal, TypeAlias

Tone: TypeAlias = Literal["calm", "sky", "accent", "fire"]

GROUNDS: dict[Tone, str] = {"calm": "#1b6b3a", "sky": "#1d5a96", "accent": "#8a5600", "fire": "#a8231b"}
"""White text on each has a contrast of more than 5 to 1."""
HEIGHT, PAD, SIGN = 20, 6, 6.6
LONGEST = 60
"""Signs of a name; a longer one is cut."""


def badge(name: str, said: str, tone: Tone) -> bytes:
    """An SVG that needs no script, style sheet or font of anybody: the name on the left, how it stands on the right."""
    name, said = _cut(name), _cut(said)
    left, right = _width(name), _width(said)
    whole = escape(f"{name}: {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" role="img" aria-label="{whole}">'
        f"<title>{whole}</title>"
        f'<rect width="{left + right}" height="{HEIGHT}" rx="3" fill="#30363d"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v{HEIGHT - 6}a3 3 0 0 1-3 3h-{right - 3}z" fill="{GROUNDS[tone]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">'
        f"{_text(name, left / 2, left)}{_text(said, left + right / 2, right)}</g></svg>"
    ).encode()


def _text(text: str, middle: float, room: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{room - 2 * PAD}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def _width(text: str) -> int:
    """Room for the text in a usual font; whatever font there is, the text is drawn as wide as this."""
    signs = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
    return round(max(1, signs) * SIGN) + 2 * PAD


def _cut(text: str) -> str:
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
