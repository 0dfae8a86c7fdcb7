"""What a user can mend, as one sentence."""


class UserError(Exception):
    """Something that the person at the keyboard can mend; the front door prints it and ends with status 2."""
