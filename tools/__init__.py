"""What keeps the house in order: checks, planted faults, and the outside programs that system tests need."""
