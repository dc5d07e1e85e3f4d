"""A learner at work in a lab: predicts, answers, opens, reports; run as the last cell of each lab.

This text becomes that cell (``tests.notebooks.running``), in the kernel where the lab has just run.
So a lab that is run to its end need not be run again for somebody to go through it.
"""

import os
import re
from pathlib import Path
from typing import Any

from qlab.course import Item, Number, results
from qlab.course.hint import Hints
from qlab.course.predict import Prediction
from qlab.course.quiz import Quiz
from qlab.course.report import Report


def go_through(shown: dict[int, Any], number: str) -> dict[str, Any]:
    """Predict and see the measurement, answer every question rightly, count hints, report.

    ``shown`` is what the lab's cells have shown, as IPython keeps it. What goes wrong is an error;
    the rest is counted.
    """

    def of(kind: type) -> list[Any]:
        return [value for value in shown.values() if isinstance(value, kind)]

    for prediction in of(Prediction):
        prediction.answer(prediction.choices[0] if prediction.choices else "7", "")
        assert prediction.note.value == "", prediction.note.value
        assert prediction.answered
    for part in [part for quiz in of(Quiz) for part in quiz.parts]:
        item = part.item
        part.answer(item.right if isinstance(item, Item | Number) else "In my own words.")
        assert part.answered
        assert "Not yet" not in part.explanation.value, part.explanation.value
    os.chdir(Path(os.environ["QLAB_RECORD"]).parent)  # where nothing stays
    (report,) = of(Report)
    report.write()
    written = Path(f"qlab-report-{number}.html").read_text(encoding="utf-8")
    return {
        "predictions": len(of(Prediction)),
        "quizzes": len(of(Quiz)),
        "hints": len(of(Hints)),
        "results": len(results(number).rows),
        "headings": re.findall(r"<h1>(\d\d) · ", written),
    }
