"""Scenario files: what people write about a study, checked, and made into a run."""
