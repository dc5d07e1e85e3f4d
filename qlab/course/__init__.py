"""The course: predict, build, check, and see what one knows.

Checks are run against known wrong versions before anybody trusts them (``tests/course``).
"""

from qlab.course.bughunt import bughunt
from qlab.course.check import check
from qlab.course.hint import hint, solution
from qlab.course.mine import mine
from qlab.course.predict import predict
from qlab.course.quiz import Ask, Item, Number, quiz
from qlab.course.record import Record, record
from qlab.course.refusal import refusal
from qlab.course.report import report, write_report
from qlab.course.results import results

__all__ = [
    "Ask",
    "Item",
    "Number",
    "Record",
    "bughunt",
    "check",
    "hint",
    "mine",
    "predict",
    "quiz",
    "record",
    "refusal",
    "report",
    "results",
    "solution",
    "write_report",
]
