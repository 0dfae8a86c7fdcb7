"""A kiosk's emulated hardware."""
