"""A training program that takes no time: it hands out the network named on its command line.

The request's seed says how it ends: 6 fails, 7 runs until it is stopped, others finish.
"""

import json
import shutil
import sys
import threading
import time


def say(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


def main():
    request = json.loads(sys.stdin.readline())
    stop = threading.Event()

    def listen():
        for line in sys.stdin:
            if line.strip() == "stop":
                break
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    say("started")
    epochs, seed = request["epochs"], request["seed"]
    if seed == 6:
        say("failed", message="job: the trained network could not be written: no space left.")
        sys.exit(1)
    say("best", epoch=0, validation_accuracy=0.1, path=request["output"])
    epoch, validation = 0, 0.1
    while epoch < (2 if seed != 7 else 1_000) and not stop.is_set():
        epoch += 1
        for step in (2 * epoch - 1, 2 * epoch):
            say(
                "progress",
                epoch=epoch,
                epochs=epochs,
                step=step,
                steps=2 * epochs,
                loss=2.0 / step,
                validation_accuracy=validation,
                seconds=0.1,
                seconds_left=0.5,
            )
        validation = 0.9 + 0.01 * min(epoch, 5)
        shutil.copy(sys.argv[1], request["output"])
        say("best", epoch=epoch, validation_accuracy=validation, path=request["output"])
        time.sleep(0.02)
    say(
        "done",
        path=request["output"],
        best_epoch=epoch,
        stopped=stop.is_set(),
        seed=seed,
        seconds=0.1,
        history=[{"epoch": 0, "validation_accuracy": 0.1}],
        test={"value": 0.95, "low": 0.94, "high": 0.96, "n": 10_000},
    )


if __name__ == "__main__":
    main()
