"""The hardware that isn't there: arm, beams, reader and the lane that holds them."""
