"""Rule packs that come with Nightdesk, as data in the form of `regulator.read_pack`. A brand chooses among them, or writes
its own: thresholds change, and which law binds a company is for its own lawyer to say. Each number names where it is from,
and says "ours" where law and guidance name none; each pack says when it was held against what, which is seldom the law itself.
"""

from typing import Any

BUILT_IN: tuple[dict[str, Any], ...] = (
    {
        "key": "gb-telecoms",
        "name": "Telecoms security (UK)",
        "to": "Ofcom",
        "law": "Communications Act 2003, s.105K: as soon as reasonably practicable",
        "checked": (
            "26 Nov 2026, against law firms' accounts, not the statement itself; in 2026 Ofcom consulted on other"
            " thresholds, so look for a newer one"
        ),
        "any": [
            {"users": 100_000, "source": "Ofcom, statement of policy under s.105Y (2022), fixed networks"},
            {"users": 10_000, "hours": 8, "source": "Ofcom, statement of policy under s.105Y (2022), fixed networks"},
        ],
        "steps": [
            {
                "key": "report",
                "name": "Report of the incident",
                "hours": 72,
                "source": "ours: s.105K(1) names no hours",
            },
        ],
    },
    {
        "key": "eu-telecoms",
        "name": "Telecoms security (EU)",
        "to": "the national regulator",
        "law": "Directive (EU) 2018/1972, art. 40(2): without undue delay",
        "checked": (
            "26 Nov 2026, not at its source: NIS 2 (art. 43) took art. 40 out from 18 October 2024, so ask which "
            "national law is left; the user-hours are those of authorities' yearly summaries"
        ),
        "any": [
            {
                "user_hours": 1_000_000,
                "source": "ENISA, Technical Guideline on Incident Reporting under the EECC (2021)",
            }
        ],
        "steps": [
            {"key": "notification", "name": "Notification", "hours": 24, "source": "ours: art. 40(2) names no hours"},
            {
                "key": "final",
                "name": "Final report",
                "days": 30,
                "after": "ended",
                "source": "ours: art. 40(2) names no days",
            },
        ],
    },
    {
        "key": "data-protection",
        "name": "Data protection",
        "to": "the data protection authority",
        "law": "GDPR and UK GDPR, art. 33: a personal data breach within 72 hours of becoming aware of it",
        "checked": "26 Nov 2026, against the text of art. 33(1)",
        "asks": "Was personal data lost, changed, disclosed or out of reach in a way that may harm people?",
        "steps": [
            {
                "key": "notification",
                "name": "Notification of the breach",
                "hours": 72,
                "source": "GDPR and UK GDPR, art. 33(1)",
            }
        ],
    },
    {
        "key": "eu-nis2",
        "name": "Network and information security (EU)",
        "to": "the CSIRT or competent authority",
        "law": "Directive (EU) 2022/2555 (NIS 2), art. 23(4): early warning, notification, final report",
        "checked": "26 Nov 2026, against accounts of art. 23(4), not its text; national law may ask for more",
        "asks": "Was it significant: severe disruption or financial loss, or considerable damage to others?",
        "steps": [
            {"key": "early-warning", "name": "Early warning", "hours": 24, "source": "art. 23(4)(a)"},
            {"key": "notification", "name": "Incident notification", "hours": 72, "source": "art. 23(4)(b)"},
            {
                "key": "final",
                "name": "Final report",
                "days": 31,
                "source": "art. 23(4)(d): a month from the notification; ours counts from when it was known",
            },
        ],
    },
    {
        "key": "gb-nis",
        "name": "Network and information security (UK)",
        "to": "the competent authority (digital infrastructure: Ofcom)",
        "law": "NIS Regulations 2018 (SI 2018/506), reg. 11: within 72 hours of becoming aware",
        "checked": (
            "26 Nov 2026, against reg. 11(1) to (3)(a), and an authority's page for the 72 hours; a bill before "
            "Parliament changes them"
        ),
        "asks": "Did it have a significant impact on the continuity of an essential service?",
        "steps": [{"key": "notification", "name": "Incident notification", "hours": 72, "source": "reg. 11(3)(b)"}],
    },
)
