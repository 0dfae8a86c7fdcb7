"""The wire protocol, version 1, as the gateway speaks it. The authority is docs/protocol.md."""
