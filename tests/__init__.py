"""The project's tests: run them with `make check` (the quick ones) or `make test` (all)."""
