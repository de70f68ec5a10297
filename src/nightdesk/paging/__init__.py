"""Pages: an alarm comes in, and somebody who can act on it is woken, or the next one is.

Nouns: signal (what one alarm says, whatever it came as), page (triggered, acknowledged, resolved), escalation policy
with its steps, rung (one place on the ladder that a policy makes), ring (whom to tell now, and when to tell the next),
personal rule, storm (many alarms of one service that are one page).
Verbs: trigger, acknowledge, resolve, escalate, reassign, snooze, note, wake again.

`formats/` reads what other people's systems send, `decide.py` says what follows from it; both are pure, standard
library only. May import: duty, rota, channels and what lies below them; never outages, desk, calls, console.
"""
