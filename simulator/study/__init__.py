"""Runs of scenarios and what comes of them: truth against report, scorecards, tables."""
