"""What comes to any instrument from outside: messages, links, and a zoo without its files."""

import json
from pathlib import Path

import pytest

from qlab import networks
from qlab.data import digests
from qlab.live import INSTRUMENTS
from qlab.live.instrument import Instrument
from qlab.live.microscope_slide import slide
from qlab.networks import trained
from tests.live.driving import assert_refuses_everything_hostile, assert_shown, send

LONG, MANY = "9" * 60_000, "&".join(f"a{i}=1" for i in range(99))
ALIENS = "layer=<script>alert(1)</script> network=../../etc/passwd"
LINKS = {
    "quantize": f"bits=17 bits=0&activation_bits=1e9 bits=%00 bits={LONG} {MANY} {ALIENS}",
    "prune": "sparsity=1 sparsity=nan sparsity=-0.1&epochs=1e9 sparsity=%00 "
    f"sparsity={LONG} {ALIENS}",
    "distill": "temperature=0 alpha=nan image=40 taught=here student=<script> scale=cubic",
    "grids": "bits=17 low=1 high=0 format=<script> low=nan layer=conv1",
    "allocate": "bits_fc1=9 budget=0 unit=<script> budget=nan bits_fc2=2.5",
    "microscope": "bits=17 row=-1 column=1e9 show=<script> image=100 row=nan",
    "integer": "accumulator_bits=33 overflow=trap weight_bits=9 image=100 image=1e1 "
    "neuron=500 neuron=-1 multiplier_bits=0 layer=<script>",
    "calibrate": "clip=0 bits=9 images=3.5 images=nan layer=<script> seed=10",
    "pack": "bits=9 sparsity=1 grid=<script> weight=1000 layer=conv1",
    "qat": "weight_bits=9 method=<script> lr=nan factor=0 layer=conv1",
}
MOVED = {"prune": ("sparsity", 0.7), "distill": ("temperature", 8.0), "qat": ("weight_bits", 3)}
MOVED |= {"allocate": ("bits_fc1", 3), "integer": ("accumulator_bits", 16)}
LOST = [(name, "load") for name in INSTRUMENTS]  # and the tables of measurements
LOST += [("allocate", "stored_sensitivity"), ("qat", "quantized_table")]
LOST += [("distill", "student_runs")]

each_instrument = pytest.mark.parametrize("opened", INSTRUMENTS, indirect=True)


@pytest.fixture(scope="module")
def opened(request):
    return request.param, INSTRUMENTS[request.param](link="")


@each_instrument
def test_hostile_links_leave_the_state_alone_and_are_told(opened):
    name, instrument = opened
    before = instrument.state.values()
    for link in LINKS[name].split():
        instrument.say("")
        instrument._follow(f"?{link}")
        assert instrument.state.values() == before, link
        assert instrument.message, link
        assert "<script>" not in instrument._messages.value


@each_instrument
def test_hostile_messages_are_refused_and_controls_live(opened):
    assert_refuses_everything_hostile(opened[1])


@pytest.mark.parametrize(("name", "lost"), LOST)
def test_a_file_that_the_zoo_lacks_is_one_sentence_and_the_page_stands(monkeypatch, name, lost):
    def missing(*_):
        raise FileNotFoundError(f"{lost}: the zoo lacks a file (file='x'). Run `make zoo`.")

    slide.cache_clear()
    monkeypatch.setattr(networks, lost, missing)
    page = INSTRUMENTS[name](link="")
    assert page.message.startswith(f"{lost}: the zoo lacks a file")
    assert "What is shown" not in page.message  # nothing is
    assert page.children
    monkeypatch.undo()
    send(page, *MOVED.get(name, ("bits", 3)))  # the file is back: the next movement finds it
    assert_shown(page)
    assert page.values


NETS = {"quantize": "lenet_300_100", "prune": "lenet_300_100", "distill": "teacher_1200"}
SPOILT = [
    (name, f"{net}{suffix}", how)
    for name, net in NETS.items()
    for suffix in (".safetensors", ".json")
    for how in ("removed", "damaged")
]
SPOILT += [("distill", "students.json", how) for how in ("removed", "damaged")]
SPOILT += [("distill", "student_30_t4.json", "its recipe emptied")]
SPOILT += [  # whose menu offers the network although it isn't there
    (name, "lenet_300_100.safetensors", "removed")
    for name in ("allocate", "microscope", "integer", "calibrate")
]


@pytest.mark.parametrize(("name", "lost", "how"), SPOILT)
def test_the_command_that_the_page_names_is_the_one_that_mends_the_zoo(
    monkeypatch, tmp_path, name, lost, how
):
    command = trained.REMEDY.split("`")[1].split()
    assert command[:2] == ["git", "checkout"]
    assert Path(__file__).parents[2] / command[2] == trained.FOLDER
    for file in trained.FOLDER.iterdir():
        (tmp_path / file.name).symlink_to(file)
    spoilt = tmp_path / lost
    spoilt.unlink()
    if how == "damaged":
        spoilt.write_bytes(b"{}")
    elif how == "its recipe emptied":
        spoilt.write_text(json.dumps(networks.card(spoilt.stem) | {"recipe": {}}))
    monkeypatch.setattr(trained, "FOLDER", tmp_path)
    page = INSTRUMENTS[name](link="")
    assert page.message.endswith(f"(file='{spoilt.name}'). {trained.REMEDY}")
    assert page.message.count(". ") == 1  # what is wrong, and what to do


@pytest.mark.parametrize("name", NETS)
def test_a_damaged_dataset_is_told_with_its_remedy(monkeypatch, tmp_path, name):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for file in (digests.root() / "mnist").iterdir():
        (folder / file.name).symlink_to(file)
    damaged = folder / "t10k-images-idx3-ubyte.gz"
    damaged.unlink()
    damaged.write_bytes(b"")
    monkeypatch.setenv("QLAB_DATASETS", str(tmp_path))
    page = INSTRUMENTS[name](link="")
    assert page.message.endswith(f"(file='mnist/{damaged.name}'). {digests.remedy('mnist')}")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no /srv/a.b/c-d/zoo/x.json here", "no x.json here"),
        ("no 'C:\\\\Users\\\\me\\\\x.json' here", "no 'x.json' here"),
        ("Run `git checkout qlab/networks/zoo`.", "Run `git checkout qlab/networks/zoo`."),
        ("Run `./a/b/c` or `../a/b/c`.", "Run `./a/b/c` or `../a/b/c`."),
        ("4/3/2 bits", "4/3/2 bits"),
    ],
)
def test_only_folders_of_this_machine_are_taken_from_a_sentence(said, shown):
    class Page:
        NAME, result, said = "page", None, ""

        def say(self, text):
            self.said = text

    page = Page()
    Instrument.fail(page, ValueError(said))
    assert page.said == shown
