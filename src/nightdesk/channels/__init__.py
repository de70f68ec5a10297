"""Ways to reach a person: one file for each channel, the delivery ledger, receipts, and the answers that come back.

Nouns: channel, contact, route, delivery, attempt, receipt, part (of a text), answer.
A channel knows addresses and prices, and nothing of pages: it returns the provider's id, or raises `Temporary` or
`Permanent`. `sms_text.py` (how a text is cut), `cost.py`, `pace.py` (how fast a provider lets us go), `smpp_pdu.py`,
`smpp_text.py` and `answers.py` (what people text back) are pure.
May import: lines, mailroom, knowledge, customers, people, access, journal, base; never rota, duty, paging or above.
"""
