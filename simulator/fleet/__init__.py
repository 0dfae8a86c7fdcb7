"""A fleet: many live emulated gates in this process, behind any broker and any gateway."""
