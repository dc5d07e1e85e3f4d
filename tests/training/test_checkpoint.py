import errno
import os

import pytest

from qlab.training.checkpoint import Checkpoint


def test_a_full_disk_leaves_the_checkpoint_before_whole(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    checkpoint = Checkpoint("train", path, {"epochs": 3})
    state = dict.fromkeys(("module", "best", "optimizer", "shuffle", "dropout", "seconds"))
    checkpoint.write({**state, "history": [1]})

    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space .*'run\.pt'.* Nothing was changed") as told:
            checkpoint.write({**state, "history": [1, 2]})
    assert told.value.errno == errno.ENOSPC
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]
    assert checkpoint.read()["history"] == [1]
    checkpoint.write({**state, "history": [1, 2]})
    assert checkpoint.read()["history"] == [1, 2]
