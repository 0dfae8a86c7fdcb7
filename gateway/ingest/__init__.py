"""From the broker to the table: consumer, intake, pipeline, replies."""
