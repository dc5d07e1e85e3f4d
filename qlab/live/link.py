"""The link with which a page was opened, told to a kernel that was warm before anybody came.

Voila's own `get_query_string` does the same, but importing it brings the whole server into the
kernel; this asks the server the same question with what a kernel has loaded anyway.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tornado.websocket import websocket_connect

__all__ = ["query_string"]

log = logging.getLogger("qlab.live")


def query_string(work: Callable[[], bool] = lambda: False) -> str:
    """Give the query string of the page's address; in a warm kernel, wait for a visitor first.

    Parameters
    ----------
    work
        What a warm kernel does meanwhile: some milliseconds of it, and whether there is more.

    Returns
    -------
    str
        Without question mark; empty where there is none, or where the server can't be asked.

    Examples
    --------
    >>> query_string()
    ''
    """
    if os.environ.get("VOILA_PREHEAT") != "True":
        return os.environ.get("QUERY_STRING", "")
    host = os.environ.get("VOILA_APP_IP", "127.0.0.1")
    server = f"ws://{f'[{host}]' if ':' in host else host}:{os.environ.get('VOILA_APP_PORT', '')}"
    path = f"{os.environ.get('VOILA_SERVER_URL', '/')}voila/query/"
    url = server + path + os.environ.get("VOILA_KERNEL_ID", "")
    with ThreadPoolExecutor(1) as thread:  # the kernel's own event loop is waiting for us
        try:
            visitor = thread.submit(asyncio.run, ask(url))
            while not visitor.done() and work():
                pass
            return visitor.result()
        except Exception as error:
            log.warning("link: the server did not tell the page's address (%s)", error)
            return ""


async def ask(url: str) -> str:
    """Wait for the server to tell who came."""
    connection = await websocket_connect(url, connect_timeout=5)
    answer = await connection.read_message()
    connection.close()
    return str(json.loads(answer or "{}").get("QUERY_STRING", ""))
