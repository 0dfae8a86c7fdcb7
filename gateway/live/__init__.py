"""What is happening now, for the eye: kept in memory, bounded by the number of devices, never stored."""
