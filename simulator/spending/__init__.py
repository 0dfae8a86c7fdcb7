"""Double-spending: what a copy of a pass opens, where, and for how long (docs/double-spending.md).

Rules: what a gate knows is held by the firmware's own caches and judged by the firmware's own Fare (gates.py),
signatures apart; when it learns is a model of times (run.py); the gateway's pages are a model of its rules (office.py).
Riders come by real counts (site.py). Deterministic by seed.
"""
