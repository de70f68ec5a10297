"""Who should be on.

Nouns: a **rota** has one zone and a **seat** for each person that a night needs. A seat has **layers**; a layer has
members who take **turns**, and windows outside which it has nobody. An **override** adds, removes or replaces someone
for a while; a swap is two of them. A member is a person or a team.

Verbs: `resolve.scheduled` answers for an instant, `resolve.turns` for a stretch of time, and both read the same code.
The plan is all that is decided here. Who does hold a seat is `duty`'s answer, and `duty.who_is_on` is the one to call.

May import people and the rooms below it (access, journal, base). `resolve` imports the standard library only.
"""
