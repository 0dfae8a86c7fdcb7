"""Riders and stations: who comes, when, and what they do at a lane."""
