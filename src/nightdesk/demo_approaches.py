"""The demo company compares what being there out of hours would cost, and has chosen."""

from datetime import datetime, timedelta
from typing import Any

from nightdesk.access.models import Brand
from nightdesk.reports.choosing_actions import choose_approach, save_comparison

CALLS = "every day 0-24 0.05\nMon-Fri 18-22 0.4\nSat, Sun 09-18 0.3"
COMBINED = (
    "Desk in the evening: every day 18-22 shift; else bureau\nPhone at weekends: Sat-Sun 09-21 phone; else bureau"
)


def compare_approaches(brand: Brand, at: datetime, doing: dict[str, Any]) -> None:
    """This winter's comparison, chosen six weeks ago, and the paper's case of six people with pagers."""
    winter = save_comparison(
        brand_id=brand.pk,
        name="This winter",
        inputs={"calls": CALLS, "combinations": COMBINED, "team": 5, "promised_s": 20},
        **doing,
    )
    choose_approach(comparison_id=winter.pk, approach="bureau", since=at.date() - timedelta(days=42), **doing)
    save_comparison(
        brand_id=brand.pk,
        name="Pagers or texts for the team of six",
        inputs={"calls": CALLS, "team": 6, "to_everybody": True, "bundle_message": "0.02"},
        **doing,
    )
