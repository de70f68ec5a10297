"""The letter of a report of figures: plain text and HTML of the same numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import escape

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.reports.figure_queries import readings
from nightdesk.reports.figure_wording import NAMES, beside, value_of


@dataclass(frozen=True, slots=True)
class Letter:
    """`html` is a whole document."""

    title: str
    text: str
    html: str


def letter(brand: Brand, figures: Collection[str], name: str, first: date, last: date, at: datetime) -> Letter:
    """The brand's figures (none given: all) over these days, beside those of as many days before."""
    before = last - first + timedelta(days=1)
    now = readings([brand.pk], first, last, at)
    then = readings([brand.pk], first - before, last - before, at)
    rows = [
        (str(NAMES[key]), value_of(reading), beside(reading), value_of(then[key]))
        for key, reading in now.items()
        if not figures or key in figures
    ]
    span = _("{first} to {last}").format(first=date_format(first), last=date_format(last))
    title = _("{name}, {brand}: {span}").format(name=name, brand=brand.name, span=span)
    url = f"{settings.PUBLIC_URL}/figures?first={first}&last={last}"
    lines = [title, ""]
    for figure, value, more, was in rows:
        lines.append(f"{figure}: {value}" + (f" ({more})" if more else ""))
        lines.append("  " + _("before: {was}").format(was=was))
    lines += ["", _("Plots, and how each figure is counted: {url}").format(url=url)]
    heads = (_("Figure"), _("Value"), _("Of what"), _("Before"))
    html = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    head = "".join(f'<th scope="col" style="{_CELL}text-align:left">{escape(cell)}</th>' for cell in heads)
    page = (
        f'<!doctype html><html><body style="font-family:sans-serif"><h1 style="font-size:1.2em">{escape(title)}</h1>'
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{html}</tbody></table>'
        f'<p><a href="{escape(url)}">{escape(_("Plots, and how each figure is counted"))}</a></p></body></html>'
    )
    return Letter(title, "\n".join(lines), page)


_CELL = "padding:4px 12px 4px 0;border-bottom:1px solid #999;"
