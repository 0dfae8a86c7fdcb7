"""Devices: which there are, and how they get their keys."""
