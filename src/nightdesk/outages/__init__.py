"""What fails, whom it touches, and what they are told.

Nouns: part (something of ours that can fail), need (what a part, a service or a subscription needs to work: all of, any of,
k of n), effect (works, reduced, degraded, down), outage, update (what is told of it, once written), statement (an update's
words for customers), holding statement (one approved beforehand), wish (how a contact wants to hear), subscriber (of the
public page).

Verbs: `part_actions` has those of parts and needs, `actions` those of outages and updates, `wish_actions` those of wishes.
`effect` says what a failure does, `audience` who hears of it and how, `decide` what may follow what; these are pure.
`queries` reads the graph of parts, and what stands of an outage.

May import paging, duty, rota, channels, lines, mailroom, knowledge, customers, people, access, journal and base. What the
desk adds, a ticket for each customer, is hung into `registries` by wiring.
"""
