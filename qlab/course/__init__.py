"""The course: predict, build, check, and see what one knows.

Checks are run against known wrong versions before anybody trusts them (``tests/course``).
"""

from qlab.course.record import Record, record

__all__ = ["Record", "record"]
