"""Settings: who sends alarms, who is rung, by which providers, who may what, and who the customers are."""
