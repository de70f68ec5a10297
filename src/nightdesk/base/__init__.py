"""The floor that every room stands on; it imports nothing of ours.

Nouns: clock, actor, door, refusal, leased row, promise, worker, front, and the database's own supervisor.
Verbs: promise, void, claim; everything else here is machinery that knows no domain word.
"""
