"""The one error that is meant for a user's eyes."""


class UserError(Exception):
    """A sentence that says what is wrong, where, and how to mend it. The command line prints it and exits with 2."""
