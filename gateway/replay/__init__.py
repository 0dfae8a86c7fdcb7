"""Replay: what was recorded of a stretch of time at one lane, read so that it can be shown again."""
