"""The errors that are meant for a user's eyes."""


class UserError(Exception):
    """A sentence that says what is wrong, where, and how to mend it. The command line prints it and exits with 2."""


class TooLate(UserError):
    """The machine could not keep the pace, so what was going on was not what had been asked for."""
