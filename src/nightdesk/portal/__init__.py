"""The customer's own pages: their services, their contract, their people, and what they have told us.

Nouns: belt (row-level security under the filters), visible columns. It has no table: what is done here, a verb of a room
below does, called with the belt off (`belt.done`). May import every room but console, which stands beside it.
"""
