"""The report holds everything, asks nobody for anything, and is one file."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import qlab
from qlab.course import Ask, predict, quiz, record, report, results, write_report
from qlab.course.report import versions
from tests.live.toy import Toy

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects tags, and checks that each one that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def toy() -> Toy:
    return Toy(link="")


def written(tmp_path: Path, *figures: object) -> str:
    return write_report(tmp_path / "out.html", *figures).read_text(encoding="utf-8")


def test_it_holds_what_the_learner_did(tmp_path: Path, toy: Toy) -> None:
    predict("k", "How much?", toy, at={"power": 3}, reads="last", unit="m").answer("7")
    record().add_check("affine.quantize", {"state": "passed", "passed": True})
    quiz("q", [Ask(question="Why so?", model="m")]).parts[0].answer("Because.")
    results("02").add("3 bits", accuracy=0.9685)
    text = written(tmp_path)
    for words in ("How much?", "Power 3", "7 m", "affine.quantize", "passed", "Why so?"):
        assert words in text
    for words in ("Because.", "3 bits", "0.9685", "on average", "0 of 1 met"):
        assert words in text
    Page(text)


def test_it_names_versions_and_machine_and_no_person(tmp_path: Path) -> None:
    import getpass
    import platform

    text = written(tmp_path)
    for words in (f"qlab {qlab.__version__}", f"NumPy {np.__version__}", "Python 3."):
        assert words in text
    assert re.search(r"on \S+, \d+ cores?$", versions())
    assert platform.node() not in text and getpass.getuser() not in versions()


def test_it_asks_no_address_for_anything(tmp_path: Path, toy: Toy) -> None:
    text = written(tmp_path, toy)
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    sources = [a[k] for _, a in page.tags for k in ("src", "href", "srcset", "data") if a.get(k)]
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"url\(|@import|https?:", re.sub(r'src="[^"]*"', "", text))


def test_pictures_stand_inside_with_words_for_those_who_do_not_see_them(
    tmp_path: Path, toy: Toy
) -> None:
    toy.state.power = 3
    images = [a for tag, a in Page(written(tmp_path, toy)).tags if tag == "img"]
    assert len(images) == len(toy.figures)
    assert images[0]["alt"] == "ends at 1.00"
    data = base64.b64decode(images[0]["src"].partition(",")[2])
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    assert picture.shape[1] >= 300 and picture.min() < 100  # something is drawn


def test_an_instruments_settings_and_settled_numbers_are_in_it(tmp_path: Path, toy: Toy) -> None:
    text = written(tmp_path, toy)
    assert "Power: 2" in text and "It &lt;draws&gt;" not in text
    assert "Last &lt;y&gt;" in text and "Sum" in text and "measured, n = 19" in text


def test_a_figure_of_the_learners_own_is_taken_too(tmp_path: Path) -> None:
    figure = Figure()
    figure.add_subplot().set_title(EVIL)
    (image,) = (a for tag, a in Page(written(tmp_path, figure)).tags if tag == "img")
    assert image["alt"] == EVIL


def test_everything_is_escaped(tmp_path: Path) -> None:
    record().add_answer(EVIL, question=EVIL, answer=EVIL)
    record().add_prediction(EVIL, question=EVIL, predicted=EVIL, measured=EVIL, where=EVIL)
    record().add_check(EVIL, {"state": EVIL, "passed": True})
    results(EVIL).add(EVIL, **{EVIL: EVIL})
    path = write_report(tmp_path / "out.html", title=EVIL)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    Page(text)


def test_it_can_be_printed(tmp_path: Path) -> None:
    assert "@media print" in written(tmp_path)


def test_an_empty_record_makes_a_report_that_says_so(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert text.count("Nothing yet.") == 5
    Page(text)


def test_a_failed_writing_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space")))
        with pytest.raises(OSError, match="No space"):
            written(tmp_path)
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.glob(".*part")] == []


def test_the_button_writes_says_where_and_offers_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, sent = report(path=tmp_path / "mine.html"), []
    monkeypatch.setattr(offered.hand, "send", lambda message, buffers: sent.append(buffers))
    assert offered.save_button.disabled
    offered.button.click()
    assert (tmp_path / "mine.html").exists() and "mine.html" in offered.told.value
    offered.save_button.click()
    assert sent == [[(tmp_path / "mine.html").read_bytes()]]


def test_the_button_says_in_one_sentence_what_went_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    offered = report(path=tmp_path / "file" / "mine.html")
    offered.button.click()
    assert offered.note.value.count("<p") == 1 and "could not be written" in offered.note.value


def test_headless_nothing_is_written_until_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QLAB_HEADLESS", "1")
    monkeypatch.chdir(tmp_path)
    (shown,) = report()._repr_mimebundle_().values()
    assert shown.startswith("Report: qlab-report.html")
    assert list(tmp_path.glob("*.html")) == []
