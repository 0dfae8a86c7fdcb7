"""Scorecards of simulated scenarios, as the gateway reads and shows them."""
