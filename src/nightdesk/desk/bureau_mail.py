"""What a message bureau takes down and sends on: lines of a keyword and its value. Pure.

Bureaus' programs export them so: "In: 22:14", "Nm: J. Smith", "Telephone Number: 020 7946 0018", and then the message.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"\s*([A-Za-z][A-Za-z ./#'-]{0,30}?)\s*[:=]\s*(.*)")
_WORDS = {
    "name": "name", "nm": "name", "caller": "name", "caller name": "name", "callers name": "name", "contact": "name",
    "contact name": "name", "from": "name",
    "telephone number": "number", "telephone": "number", "tel": "number", "tel no": "number", "tel number": "number",
    "phone": "number", "ph": "number", "phone number": "number", "call back": "number", "callback": "number",
    "callback number": "number", "call back number": "number", "number": "number", "mobile": "number",
    "company": "company", "co": "company", "company name": "company", "organisation": "company", "firm": "company",
    "account": "account", "account number": "account", "acct": "account", "customer number": "account",
    "customer ref": "account", "ref": "account",
    "in": "taken", "date": "taken", "time": "taken", "date/time": "taken", "call time": "taken", "taken": "taken",
    "taken at": "taken", "out": "taken",
    "operator": "operator", "op": "operator", "taken by": "operator", "agent": "operator",
    "message": "message", "msg": "message", "re": "message", "details": "message", "reason": "message",
    "reason for call": "message", "regarding": "message",
    "urgent": "urgent", "priority": "urgent",
}  # fmt: skip
LOOKED_AT = 60


@dataclass(frozen=True, slots=True)
class TakenDown:
    """Who rang, as the bureau has it; `fields` is every value by its meaning, `message` what they said."""

    name: str
    number: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """In one line."""
        first = next((line.strip() for line in self.message.splitlines() if line.strip()), "")
        return " ".join(part for part in (self.name or self.number, first and f"- {first}") if part)[:200]


def taken_down(text: str) -> TakenDown | None:
    """The message in a bureau's mail; None where it is none: at least three such lines, a name and a number among them."""
    fields: dict[str, str] = {}
    rest: list[str] = []
    count, open_word = 0, ""
    for line in text.splitlines()[:LOOKED_AT]:
        found = _LINE.fullmatch(line)
        word = _WORDS.get(re.sub(r"[.'#]", "", found[1]).strip().lower(), "") if found else ""
        if found and word and not (word == "message" and "message" in fields):
            count += 1
            open_word = word
            value = found[2].strip()
            if value:
                fields[word] = f"{fields[word]}, {value}" if word in fields else value
        elif line.strip():
            if open_word == "message":
                fields["message"] = f"{fields.get('message', '')}\n{line.strip()}".strip()
            else:
                rest.append(line.strip())
                open_word = ""
    if count < 3 or "name" not in fields or not _is_number(fields.get("number", "")):
        return None
    return TakenDown(fields["name"], fields["number"], fields.get("message") or "\n".join(rest), fields)


def _is_number(value: str) -> bool:
    return 6 <= sum(sign.isdigit() for sign in value) <= 20
