"""Outages and planned work."""
