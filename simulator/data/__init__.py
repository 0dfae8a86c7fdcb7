"""Data bundled with the simulator, read through importlib.resources. Each folder carries its own licence and source."""
