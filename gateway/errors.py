"""Errors that a user can mend.

Rule: the message is one sentence (or two) that says what is wrong, where, and how to mend it. The command line prints
it and ends with status 2. Programming errors do not belong here; they keep their own types and their traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """Something outside the program is wrong and the user can mend it; ``str()`` is the whole text for them."""
