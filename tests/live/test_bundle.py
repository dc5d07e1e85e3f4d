"""The scripts of a page travel in one file: whole, in order, packed, and kept by the browser."""

import asyncio
import gzip
import hashlib
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from voila.paths import collect_static_paths
from voila.utils import get_voila_labextensions_path

from qlab.live.bundle import PARTS, TYPESET, UNLESS, Bundle, Scripts


@pytest.fixture
def small(tmp_path: Path) -> Bundle:
    """A page of three scripts, one of which is strict, and an extension."""
    (tmp_path / "7.voila.js").write_text('"use strict";all.push([[7],{}])')
    (tmp_path / "12.voila.js").write_text("all.push([[12],{}]) // no line end")
    (tmp_path / "99.voila.js").write_text("nobody asks for it")
    (tmp_path / "voila.js").write_text("var page;r.e(12).then(r.e(7)).then(r.e(12)),r.e(5)")
    (tmp_path / "anywidget" / "static").mkdir(parents=True)
    (tmp_path / "anywidget" / "static" / "2.abc.js").write_text("theirs.push([2])")
    return Bundle([tmp_path], [tmp_path])


@pytest.fixture
def whole() -> Bundle:
    """The page's scripts as they are installed."""
    return Bundle(
        collect_static_paths(["voila", "nbconvert"], "lab"), get_voila_labextensions_path()
    )


def test_what_the_page_asks_for_comes_before_the_page_and_strictness_stays_at_home(
    small: Bundle,
) -> None:
    assert small.text.decode().splitlines() == [
        "(function(){all.push([[12],{}]) // no line end",
        "})();",
        '(function(){"use strict";all.push([[7],{}])',
        "})();",
        "(function(){theirs.push([2])",
        "})();",
        "var page;r.e(12).then(r.e(7)).then(r.e(12)),r.e(5)",
    ]


def test_another_script_has_another_address(small: Bundle, whole: Bundle) -> None:
    assert small.address != whole.address
    assert hashlib.sha256(small.text).hexdigest()[:16] in small.address


def test_every_script_named_here_is_installed(whole: Bundle) -> None:
    for extension, numbers in PARTS.items():
        for number in numbers:
            found = [
                file
                for folder in whole.extensions
                for file in folder.glob(f"{extension}/static/{number}.*.js")
            ]
            assert found, (extension, number)
            assert found[0].read_bytes() in whole.text


def test_the_typesetter_looks_for_a_formula_before_it_starts(whole: Bundle) -> None:
    text = whole.text.decode()
    assert text.count(UNLESS) == 1 and TYPESET not in text
    assert re.fullmatch(r".*if\(!/\[\$\\\\\]/\.test\(e\.textContent\)\)return;.*", UNLESS)


def test_a_page_without_its_scripts_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Bundle: expected voila\.js"):
        _ = Bundle([tmp_path], []).text


@pytest.mark.parametrize("accepted", ["gzip, deflate, br", ""])
def test_it_is_sent_packed_where_that_is_understood_and_kept_for_a_year(
    small: Bundle, accepted: str
) -> None:
    async def ask() -> tuple[dict[str, str], bytes]:
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(Application([(f"/{small.address}", Scripts, {"bundle": small})]))
        server.add_sockets(sockets)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/{small.address}"
        request = Request(url, headers={"Accept-Encoding": accepted})
        answer = await asyncio.to_thread(urlopen, request, timeout=10)
        with answer:
            found = dict(answer.headers), answer.read()
        server.stop()
        await server.close_all_connections()
        return found

    headers, body = asyncio.run(ask())
    assert (headers.get("Content-Encoding") == "gzip") == bool(accepted)
    assert (gzip.decompress(body) if accepted else body) == small.text
    assert "immutable" in headers["Cache-Control"] and headers["Vary"] == "Accept-Encoding"
    assert headers["Content-Type"].startswith("text/javascript")
