"""Who is promised what: customers, the people who speak for them, and their contracts.

Nouns: customer, contact, contract (support hours, what is answered outside them, who may wake an engineer, targets),
support hours, priority (impact x urgency), cover (what a contract promises at one instant), import plan.

Verbs: ask `promised.what_is_promised` what a customer is owed now and until when (`promised.what_an_alarm_may_do` for
a machine's alarm that belongs to no customer). Mail, phone, pager, portal and desk ask those and nothing else, so the
same question gets the same answer at every door.

Pure, without Django, clock or input and output: `hours`, `promised`, `priority`, `stored`, `csv_import`.

May import people, access, journal and base. Knows nothing of tickets, pages, calls or outages.
"""
