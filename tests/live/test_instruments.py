"""All instruments by name: none forgotten, none imported before it is asked for."""

import subprocess
import sys

import numpy as np
import pytest

from qlab import live
from qlab.live import INSTRUMENTS, Instrument
from tests.live.driving import send, stations
from tests.repository.tree import ROOT


def test_an_instrument_is_called_like_its_app_and_like_its_class_in_the_package():
    for name, kind in INSTRUMENTS.items():
        assert kind.NAME == name
        assert getattr(live, kind.__name__) is kind
    assert {path.stem for path in (ROOT / "apps").glob("*.ipynb")} == {*INSTRUMENTS, "index"}


def test_every_instrument_of_the_package_is_among_them():
    public = (getattr(live, name) for name in live.__all__)
    kinds = {one for one in public if isinstance(one, type) and issubclass(one, Instrument)}
    assert kinds == {Instrument, *INSTRUMENTS.values()}


def test_names_import_nothing_and_a_look_up_one_instrument():
    code = (
        "import sys; from qlab.live import INSTRUMENTS; "
        "there = lambda: [name for name in INSTRUMENTS if f'qlab.live.{name}' in sys.modules]; "
        "print('pack' in INSTRUMENTS, there(), INSTRUMENTS['pack'].__name__, there())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True [] Pack ['pack']\n"


def test_a_name_that_nobody_has_is_refused_without_an_import():
    with pytest.raises(KeyError, match="worker"):
        INSTRUMENTS["worker"]
    with pytest.raises(AttributeError, match="no attribute 'Worm'"):
        getattr(live, "Worm")  # noqa: B009


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_kept_picture_is_the_one_that_would_be_drawn(name):
    # few values of each setting, so that states come back: with others around them
    instrument, random = INSTRUMENTS[name](), np.random.default_rng(1)
    for step in range(12):
        trait = str(random.choice([n for n in instrument.controls if n != "network"]))
        values = stations(instrument, trait)[-2:]
        send(instrument, trait, values[int(random.integers(len(values)))])
        if step == 5:
            instrument.settle(everything=False)
        for figure in (f for f in instrument.figures.values() if f.live):
            assert figure.result is instrument.result
            afresh = figure._encode(figure.pixels())
            assert figure.image.value == afresh, (figure.name, instrument.state.to_query())


@pytest.mark.parametrize(
    ("name", "density"),
    [("quantize", 1), ("allocate", 2), ("calibrate", 2), ("pack", 2), ("prune", 2)],
)
def test_once_all_idle_work_is_done_every_picture_shows_what_is_known_by_then(name, density):
    instrument = INSTRUMENTS[name]()
    hello = {"do": "hello", "search": "", "density": density}
    instrument.page._handle_custom_msg(hello, [])
    instrument.settle()
    for figure in instrument.figures.values():
        afresh = figure._encode(figure._pixels(instrument.result, density))
        assert bytes(figure.image.value) == afresh, figure.name


@pytest.mark.parametrize("name", ["quantize", "prune", "integer"])
def test_a_curve_says_where_its_points_stay_hollow(name):
    instrument = INSTRUMENTS[name]()
    assert "stays hollow" not in instrument.headings["curve"].value
    send(instrument, "network", "lenet_5")
    assert "stays hollow" in instrument.headings["curve"].value
