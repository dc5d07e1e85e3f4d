"""The browser of the tests: find one, and where there is none, install one.

`python -m tests.browser` is what `make test` runs first: it says nothing when a browser is there,
installs one when none is (as root on Debian or Ubuntu by apt-get, else Playwright's own), and ends
with one sentence that says what to do when neither works.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
REMEDY = (
    "Install Chromium or Chrome (Debian, Ubuntu: apt-get install chromium; anywhere: "
    "python -m playwright install chromium), or name one in QLAB_BROWSER."
)


def find() -> Path | None:
    """Return the browser to test with: QLAB_BROWSER, a system one, or Playwright's own."""
    if named := os.environ.get("QLAB_BROWSER"):
        return Path(named) if Path(named).is_file() else None
    for name in NAMES:
        if path := shutil.which(name):
            return Path(path)
    return MAC if MAC.is_file() else playwrights_own()


def playwrights_own() -> Path | None:
    """Return the Chromium that `playwright install chromium` put in place, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def executable() -> Path:
    """Return `find()`, or fail with the sentence that says how to get a browser."""
    if path := find():
        return path
    raise RuntimeError(f"tests.browser: expected a Chromium or Chrome, found none. {REMEDY}")


def install() -> None:
    """Install a browser: Debian's by apt-get as root, else Playwright's own for this user."""
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "-q", "-y", "--no-install-recommends"]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*apt, "update"], check=False, env=environment)
        subprocess.run([*apt, "install", "chromium"], check=False, env=environment)
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    """Install a browser where none is found; 1 and one sentence where that fails."""
    if find() is None and "QLAB_BROWSER" not in os.environ:
        print("The browser tests need Chromium, and none is here: installing one.", flush=True)
        install()
    try:
        executable()
    except RuntimeError as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
