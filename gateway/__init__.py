"""The gateway: what a host runs. It shares a wire with the firmware and the simulator, and no code."""
