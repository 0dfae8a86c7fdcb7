"""What replaces the world: riders, plant, clock, truth. It imports the firmware's engines, never the gateway."""
