"""Pages that the simulator serves, read through importlib.resources."""
