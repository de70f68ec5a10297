"""A night in which everything breaks while the work goes on, and an independent word on what became of the work."""
