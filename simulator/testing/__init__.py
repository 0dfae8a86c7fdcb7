"""One lane for somebody's integration tests: riders, faults, a network to cut, and what came of it."""
