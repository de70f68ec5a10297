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
            "27 Nov 2026: s.105K(1) against the Act; the thresholds against law firms' accounts, not the statement; in 2026"
            " Ofcom consulted on others, so look for a newer one"
        ),
        "any": [
            {"users": 100_000, "source": "Ofcom, statement of policy under s.105Y (2022), fixed networks"},
            {"users": 10_000, "hours": 8, "source": "Ofcom, statement of policy under s.105Y (2022), fixed networks"},
            {"percent": 25, "hours": 8, "source": "Ofcom, statement of policy under s.105Y (2022), fixed networks"},
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
            "27 Nov 2026, art. 40(2) against its text: NIS 2 (art. 43) took it out from 18 October 2024, so ask which "
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
        "checked": (
            "26 Nov 2026, against the text of art. 33(1); for UK telecoms (PECR reg. 5A: 72 hours too, since 20 August 2025) "
            "against a notice of the ICO"
        ),
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
        "key": "eu-telecoms-data",
        "name": "Data protection, telecoms (EU)",
        "to": "the competent national authority",
        "law": "Regulation (EU) 611/2013, art. 2: no later than 24 hours after detection, where feasible",
        "checked": (
            "27 Nov 2026, against law firms' accounts, not its text; it binds providers of public communications services "
            "in place of the 72 hours of the GDPR"
        ),
        "asks": "Was personal data of subscribers or users lost, changed, disclosed or read without right?",
        "steps": [
            {"key": "first", "name": "First notification", "hours": 24, "source": "art. 2(2)"},
            {
                "key": "second",
                "name": "What was not known at first",
                "hours": 72,
                "source": "art. 2(3): three days from the first; ours counts from when it was known",
            },
        ],
    },
    {
        "key": "eu-nis2",
        "name": "Network and information security (EU)",
        "to": "the CSIRT or competent authority",
        "law": "Directive (EU) 2022/2555 (NIS 2), art. 23(4): early warning, notification, final report",
        "checked": (
            "27 Nov 2026, against the words of art. 23(4); while it goes on, (e) wants a progress report instead and the final "
            "one a month after its end; national law may ask for more"
        ),
        "asks": "Was it significant: severe disruption or financial loss, or considerable damage to others?",
        "steps": [
            {"key": "early-warning", "name": "Early warning", "hours": 24, "source": "art. 23(4)(a)"},
            {"key": "notification", "name": "Incident notification", "hours": 72, "source": "art. 23(4)(b)"},
            {
                "key": "final",
                "name": "Final report",
                "days": 28,
                "source": "art. 23(4)(d): a month from the notification; ours: 28 days from when it was known",
            },
        ],
    },
    {
        "key": "gb-nis",
        "name": "Network and information security (UK)",
        "to": "the competent authority (digital infrastructure: Ofcom)",
        "law": "NIS Regulations 2018 (SI 2018/506), reg. 11: within 72 hours of becoming aware",
        "checked": (
            "27 Nov 2026: reg. 11(1) to (3)(a) against their text, the 72 hours against a quotation of (3)(b); a bill before "
            "Parliament changes them"
        ),
        "asks": "Did it have a significant impact on the continuity of an essential service?",
        "steps": [{"key": "notification", "name": "Incident notification", "hours": 72, "source": "reg. 11(3)(b)"}],
    },
)
