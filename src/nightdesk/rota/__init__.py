"""Who should be on.

Nouns: a **rota** has one zone and a **seat** for each person that a night needs. A seat has **layers**; a layer has
members who take **turns**, and windows outside which it has nobody. An **override** adds, removes or replaces someone
for a while; a swap is two of them. A member is a person or a team.

Verbs: `actions.make_rota`, `set_layers`, `add_override`, `cancel_override`. `resolve.scheduled` answers for an instant,
`resolve.turns` for a stretch of time, and both read the same code; `queries` gives them the plan as it stands in the
database, and `decide` reads what doors give. The plan is all that is decided here. Who does hold a seat is `duty`'s
answer, and `duty.who_is_on` is the one to call.

May import customers, people and the rooms below them. `resolve` imports the standard library only.
"""
