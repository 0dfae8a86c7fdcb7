"""The store: tables, migrations and every SQL statement of the gateway."""
