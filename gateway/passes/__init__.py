"""Passes: keys and their list, blind signatures, the spent set."""
