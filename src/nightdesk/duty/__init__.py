"""Who is on. Duty is a token: each seat has one, somebody holds it, and it passes only when it is taken.

Nouns: hold, acceptance, turn. Verbs: `actions.set_first_holder`, `accept_duty`, `pass_duty`, `take_duty`. `queries.who_is_on`
is the one answer for people and machines: held for past and now, planned for the future. `tasks` keeps the promises
`duty.turn` (a turn begins) and `duty.replan` (the plan of a seat has changed); `feed` and `api` are the calendar to
subscribe to. May import rota, channels, people and below.
"""
