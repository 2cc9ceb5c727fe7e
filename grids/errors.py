"""Errors that users meet.

::

    WanmiError
    ├── InputError   (ValueError)    a value, file or row is wrong; says what, where, what would be right
    │   └── TooLarge                 it is larger than we take
    ├── NotFound     (LookupError)   there is no such thing
    ├── Conflict     (ValueError)    it contradicts what is recorded
    └── Unavailable  (RuntimeError)  something outside is missing or down; says how to mend it

HTTP status codes live in ``api.errors``, exit statuses in ``api.cli``.
A case that nobody owns is a value of the answer, never an error.
"""


class WanmiError(Exception):
    """Base of all errors that are for users.

    Parameters
    ----------
    what
        What is wrong, naming the offending value.
    where
        File, row, column or field; "" when there is only one place it can be.
    right
        What would be right; "" when that is plain from ``what``.
    """

    def __init__(self, what: str, *, where: str = "", right: str = "") -> None:
        self.what, self.where, self.right = what, where, right
        super().__init__(what, where, right)

    def __str__(self) -> str:
        """One line: where, what, what would be right."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}; {self.right}" if self.right else head


class InputError(WanmiError, ValueError):
    """A value, file or row is wrong."""


class TooLarge(InputError):
    """The input is larger than we take."""


class NotFound(WanmiError, LookupError):
    """There is no such thing."""


class Conflict(WanmiError, ValueError):
    """It contradicts what is recorded."""


class Unavailable(WanmiError, RuntimeError):
    """Something outside Wanmi is missing or down."""
