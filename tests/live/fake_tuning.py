"""A training program that trains nothing: it prunes, makes all that is left larger, reports."""

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np
import safetensors.numpy

from qlab import networks


def say(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


def main():
    request = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    say("started")
    name, masks = request["network"], safetensors.numpy.load_file(request["masks"])
    net = networks.load(name) if name in networks.ZOO else networks.read(name)
    pruned = networks.prune(net, {k: M.astype(bool) for k, M in masks.items()})
    larger = np.float32(1.5)
    tuned = pruned.with_weights(
        {k: W * larger for k, W in pruned.weights.items()},
        {k: b * larger for k, b in net.biases.items()},
    )
    output, step = Path(request["output"]), 0
    networks.save(tuned, output)
    if output.with_name("damage").exists():
        output.write_bytes(b"no network")
    say("best", epoch=1, validation_accuracy=0.9, path=str(output))
    while request["epochs"] == 10 and not stop.is_set():
        step += 1
        say("progress", epoch=1, epochs=10, step=step, steps=10_000, loss=0.5, seconds_left=1.0)
        time.sleep(0.02)
    say("done", stopped=stop.is_set())


if __name__ == "__main__":
    main()
