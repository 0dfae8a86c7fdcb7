"""Consent: notices, receipts, access and erasure by token, retention, the data inventory."""
