"""The learner's file: nothing in it is lost, whoever writes, edits, spoils or moves it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qlab.course import record
from qlab.course.record import NAME, Record, plain
from qlab.course.recordview import RecordView

WRITER = """
import sys
from pathlib import Path
from qlab.course.record import Record
mine = Record(Path(sys.argv[1]))
for i in range(20):
    mine.add_answer(f"{sys.argv[2]}.{i}", question="?", answer=i)
"""


def written(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_file_is_named_by_the_environment_or_lies_in_the_working_folder(
    record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record().path == record_path
    monkeypatch.setenv("QLAB_RECORD", str(tmp_path))
    assert record().path == tmp_path / NAME
    monkeypatch.delenv("QLAB_RECORD")
    monkeypatch.chdir(tmp_path)
    assert record().path == tmp_path / NAME


def test_looking_makes_no_file(record_path: Path) -> None:
    assert (record().predictions, record().checks, record().answers) == ([], {}, [])
    assert not record_path.exists()


def test_a_person_can_read_it(record_path: Path) -> None:
    record().add_answer("02.1", question="为什么?", answer="because ½ step")
    text = record_path.read_text(encoding="utf-8")
    assert "为什么?" in text and "½" in text
    assert text.count("\n") > 8
    assert next(iter(json.loads(text))) == "about"


def test_a_check_is_counted_and_its_first_success_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter("abcdefgh")
    monkeypatch.setattr(sys.modules["qlab.course.record"], "now", lambda: next(clock))
    for state in ("not started", "failed", "passed", "failed"):
        record().add_check("a.b", {"state": state, "passed": state == "passed", "mistake": "floor"})
    entry = record().checks["a.b"]
    assert (entry["state"], entry["passed"], entry["tries"]) == ("failed", False, 3)
    assert (entry["first_passed"], entry["when"]) == ("c", "d")
    record().add_check("a.b", '{"state": "passed", "passed": true}')  # as text
    entry = record().checks["a.b"]
    assert (entry["passed"], entry["first_passed"], entry["when"]) == (True, "c", "e")


def test_answers_predictions_and_hints_pile_up_and_results_are_replaced() -> None:
    for i in range(2):
        record().add_prediction("k", question="?", predicted=i)
        record().add_answer("k", question="?", answer=i)
        record().add_hint("a.b", "hint 1")
        record().add_result("table", "row", {"x": i})
    mine = record()
    assert [e["predicted"] for e in mine.predictions] == [0, 1]
    assert [e["answer"] for e in mine.answers] == [0, 1]
    assert [(e["opened"], e["times"]) for e in mine.hints] == [("hint 1", 2)]
    assert [e["values"] for e in mine.results] == [{"x": 1}]


def test_numpy_and_numbers_that_json_lacks_are_kept_as_what_they_mean(record_path: Path) -> None:
    record().add_result("t", "r", {"a": np.float64(0.5), "b": np.arange(2), "c": float("inf")})
    assert record().results[0]["values"] == {"a": 0.5, "b": [0, 1], "c": "inf"}
    assert "Infinity" not in record_path.read_text(encoding="utf-8")
    assert plain(object) == str(object)


def test_threads_that_write_at_once_lose_nothing(record_path: Path) -> None:
    def write(name: str) -> None:
        mine = Record(record_path)  # as another notebook: nothing in common but the file
        for i in range(15):
            mine.add_answer(f"{name}.{i}", question="?", answer=i)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e["key"] for e in record().answers) == sorted(
        f"{name}.{i}" for name in "abcd" for i in range(15)
    )
    assert [path.name for path in record_path.parent.iterdir()] == [NAME]  # no lock, no part


def test_notebooks_that_write_at_once_lose_nothing(record_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(record_path)]
    writers = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(record().answers) == 40


def test_without_locks_of_the_system_a_file_locks(
    record_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qlab.course.recordfile.fcntl", None)
    test_threads_that_write_at_once_lose_nothing(record_path)
    stale = record_path.with_name(f".{NAME}.lock")
    stale.touch()
    os.utime(stale, (1, 1))  # of a notebook that died long ago
    record().add_answer("after", question="?", answer=1)
    assert record().answers[-1]["key"] == "after"
    assert not stale.exists()


def test_a_lock_that_is_never_given_back_costs_a_sentence_not_the_entry(
    record_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qlab.course.recordfile.fcntl", None)
    monkeypatch.setattr("qlab.course.recordfile.PATIENCE", 0.05)
    record_path.parent.mkdir()
    lock = record_path.with_name(f".{NAME}.lock")
    lock.touch()
    record().add_answer("one", question="?", answer=1)
    assert "held by another notebook" in capsys.readouterr().out
    assert [e["key"] for e in record().answers] == ["one"]
    lock.unlink()
    record().add_answer("two", question="?", answer=2)
    assert [e["key"] for e in written(record_path)["answers"]] == ["one", "two"]


@pytest.mark.parametrize("spoilt", ["", "{", '{"checks": ', "[1]", "null", "\0\0", "[" * 100_000])
def test_a_damaged_file_is_set_aside_and_said_once(
    record_path: Path, capsys: pytest.CaptureFixture[str], spoilt: str
) -> None:
    record_path.parent.mkdir()
    record_path.write_text(spoilt, encoding="utf-8")
    record().add_answer("k", question="?", answer=1)
    record().add_answer("k", question="?", answer=2)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "set aside as qlab-record.damaged-1.json" in said
    aside = record_path.with_name("qlab-record.damaged-1.json")
    assert aside.read_text(encoding="utf-8") == spoilt
    assert [e["answer"] for e in written(record_path)["answers"]] == [1, 2]


def test_bytes_that_are_no_text_are_set_aside_too(record_path: Path) -> None:
    record_path.parent.mkdir()
    record_path.write_bytes(b"\xff\xfe\x00{")
    assert record().answers == []
    assert record_path.with_name("qlab-record.damaged-1.json").read_bytes() == b"\xff\xfe\x00{"


def test_a_second_damage_does_not_overwrite_the_first(record_path: Path) -> None:
    record_path.parent.mkdir()
    for spoilt in ("{first", "{second"):
        record_path.write_text(spoilt, encoding="utf-8")
        record().add_answer("k", question="?", answer=1)
    asides = sorted(record_path.parent.glob("*damaged*"))
    assert [path.read_text(encoding="utf-8") for path in asides] == ["{first", "{second"]


def test_what_was_known_survives_a_file_spoilt_while_the_notebook_runs(record_path: Path) -> None:
    record().add_answer("before", question="?", answer=1)
    record_path.write_text("{spoilt", encoding="utf-8")
    record().add_answer("after", question="?", answer=2)
    assert [e["key"] for e in written(record_path)["answers"]] == ["before", "after"]


def test_of_a_partly_damaged_file_the_sound_part_stays(record_path: Path) -> None:
    record_path.parent.mkdir()
    content = {
        "checks": {"a.b": {"passed": True}, "c.d": 3},
        "answers": [{"key": "k"}, "no"],
        "predictions": "gone",
        "hers": {"kept": [1]},
    }
    record_path.write_text(json.dumps(content), encoding="utf-8")
    assert record().checks == {"a.b": {"passed": True}}
    assert record().answers == [{"key": "k"}]
    assert record().predictions == []
    assert written(record_path)["hers"] == {"kept": [1]}
    assert written(record_path.with_name("qlab-record.damaged-1.json")) == content


def test_fields_nobody_knows_are_kept(record_path: Path) -> None:
    record_path.parent.mkdir()
    content = {"hers": 1, "checks": {"a.b": {"passed": False, "colour": "blue"}}}
    record_path.write_text(json.dumps(content), encoding="utf-8-sig")  # as an editor may save it
    record().add_check("a.b", {"state": "passed", "passed": True})
    after = written(record_path)
    assert after["hers"] == 1
    assert (after["checks"]["a.b"]["colour"], after["checks"]["a.b"]["passed"]) == ("blue", True)


def test_a_file_of_a_newer_qlab_is_left_alone(
    record_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_path.parent.mkdir()
    text = '{"format": 99, "answers": {"a shape": "of tomorrow"}}'
    record_path.write_text(text, encoding="utf-8")
    record().add_answer("k", question="?", answer=1)
    assert record_path.read_text(encoding="utf-8") == text
    assert [path.name for path in record_path.parent.iterdir()] == [NAME]
    assert "newer qlab (format 99, here 1)" in capsys.readouterr().out
    assert [e["key"] for e in record().answers] == ["k"]  # in memory


def test_where_nothing_can_be_written_entries_wait_and_are_written_later(
    record_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_path.parent.write_text("a file where the folder should be", encoding="utf-8")
    record().add_answer("one", question="?", answer=1)
    assert "cannot be" in record().notice
    assert [e["key"] for e in record().answers] == ["one"]
    record_path.parent.unlink()
    record().add_answer("two", question="?", answer=2)
    assert [e["key"] for e in written(record_path)["answers"]] == ["one", "two"]


def test_a_write_that_fails_halfway_leaves_the_old_file_whole(
    record_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record().add_answer("one", question="?", answer=1)
    before = record_path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space")))
        record().add_answer("two", question="?", answer=2)
    assert record_path.read_bytes() == before
    assert "No space" in record().notice
    assert [path.name for path in record_path.parent.iterdir()] == [NAME]


def test_a_moved_file_is_read_where_it_is_now(
    record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record().add_answer("k", question="?", answer=1)
    record_path.rename(tmp_path / "moved.json")
    assert record().answers == []
    monkeypatch.setenv("QLAB_RECORD", str(tmp_path / "moved.json"))
    assert [e["key"] for e in record().answers] == ["k"]


def test_deleted_means_deleted_even_for_another_notebook(record_path: Path) -> None:
    other = Record(record_path)
    other.add_answer("old", question="?", answer=1)
    record().delete()
    assert not record_path.exists()
    other.add_answer("new", question="?", answer=2)
    assert [e["key"] for e in record().answers] == ["new"]


def test_headless_writes_nothing_unless_a_file_is_named(
    record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    record().add_answer("k", question="?", answer=1)
    assert record_path.exists()
    monkeypatch.delenv("QLAB_RECORD")
    monkeypatch.chdir(tmp_path)
    record().add_answer("k", question="?", answer=1)
    assert len(record().answers) == 1
    assert not (tmp_path / NAME).exists()


def test_the_view_shows_everything_escaped(record_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    record().add_answer(evil, question=evil, answer=evil, right=[evil])
    record().add_prediction(evil, question=evil, predicted=evil, measured=evil, where=evil)
    record().add_check(evil, {"state": evil, "passed": True, "mistake": evil})
    record().add_hint(evil, evil)
    view = record().show()
    assert "<script" not in view.content.value
    assert view.content.value.count("&lt;script&gt;") >= 8
    assert str(record_path) in view.content.value


def test_deleting_asks_first_and_can_be_called_off(record_path: Path) -> None:
    record().add_answer("k", question="?", answer=1)
    view = RecordView(record())
    assert view.sure_button.disabled
    view.delete_button.click()
    assert "cannot be undone" in view.note.value and record_path.exists()
    view.keep_button.click()
    assert view.sure_button.disabled and view.note.value == "" and record_path.exists()
    view.delete_button.click()
    view.sure_button.click()
    assert not record_path.exists()
    assert "0 answers" in view.content.value


def test_download_hands_the_page_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    record().add_answer("k", question="?", answer=1)
    view, sent = record().show(), []
    monkeypatch.setattr(view.hand, "send", lambda message, buffers: sent.append((message, buffers)))
    view.download_button.click()
    [(message, [text])] = sent
    assert (message["do"], message["filename"]) == ("save", NAME)
    assert json.loads(text)["answers"][0]["key"] == "k"


def test_what_a_person_edited_into_nonsense_breaks_no_lab(record_path: Path) -> None:
    record_path.parent.mkdir()
    odd = {"checks": {"a.b": {"tries": "many", "when": 3}}, "format": "one", "about": None}
    odd["hints"] = [{"name": "a.b", "opened": "hint 1", "times": []}]
    odd["predictions"] = [{"predicted": 1, "measured": 2, "low": "x", "unit": [], "margin": {}}]
    odd["answers"] = [{"right": {}, "question": 1}]
    odd["results"] = [{"table": 1, "name": [], "values": "none"}]
    record_path.write_text(json.dumps(odd), encoding="utf-8")
    record().add_check("a.b", {"state": "failed", "passed": False})
    record().add_hint("a.b", "hint 1")
    assert (record().checks["a.b"]["tries"], record().hints[0]["times"]) == (1, 1)
    assert "1 prediction" in record().show().content.value
