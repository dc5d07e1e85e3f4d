"""A program that speaks the protocol of the training job, and obeys its request's "do"."""

import json
import sys
import threading
import time


def say(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


def listen(stop):
    for line in sys.stdin:
        if line.strip() == "stop":
            break
    stop.set()


def main():
    do = json.loads(sys.stdin.readline())["do"]
    stop = threading.Event()
    threading.Thread(target=listen, args=(stop,), daemon=True).start()
    print("a line that is no JSON")
    say("started")
    if do == "crash":
        return 3
    if do == "fail":
        say("failed", message="job: a network is expected, got none. <b>Remedy</b>.")
        return 1
    steps = 3 if do == "finish" else 10_000
    for step in range(1, steps + 1):
        left = steps - step
        say("progress", epoch=1, epochs=1, step=step, steps=steps, loss=0.5, seconds_left=left)
        if step == 2:
            say("best", epoch=1, validation_accuracy=0.98, path="best.safetensors")
        if stop.is_set() and do != "deaf":
            say("done", stopped=True)
            return 0
        time.sleep(0.02)
    say("done", stopped=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
