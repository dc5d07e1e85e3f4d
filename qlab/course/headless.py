"""Whether anybody looks: graders and continuous integration run a lab without a page."""

import os


def headless() -> bool:
    """Return True where ``QLAB_HEADLESS`` is set to anything but 0: nobody looks or clicks.

    Examples
    --------
    >>> os.environ["QLAB_HEADLESS"] = "1"
    >>> headless()
    True
    >>> del os.environ["QLAB_HEADLESS"]
    """
    return os.environ.get("QLAB_HEADLESS", "") not in ("", "0")
