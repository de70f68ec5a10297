"""Outages as staff see them: the list, the room, telling customers, and the rules of all that."""
