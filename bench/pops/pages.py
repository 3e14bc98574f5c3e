"""A thousand agents' pages in one process: sign in, acknowledge each pop as it is read, count.

``pages URL`` reads one token a line from stdin up to an empty line, prints ``ready`` when all are signed
in, and at the next line what came.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import aiohttp
import uvloop

from cti.collector import calm_collector

AT_ONCE = 50


async def page(
    http: aiohttp.ClientSession, url: str, token: str, gate: asyncio.Semaphore, seen: Counter[str]
) -> asyncio.Task[None]:
    """One signed-in page; the task reads until it is closed."""
    async with gate:
        ws = await http.ws_connect(url, compress=0, max_msg_size=0)
        await ws.send_json({"type": "auth", "token": token})
        if (await ws.receive_json())["type"] != "ready":
            raise SystemExit("a page was not let in")

    async def read() -> None:
        async for said in ws:
            message = json.loads(said.data)
            seen[message["type"]] += 1
            if message["type"] == "pop":
                await ws.send_str(json.dumps({"type": "ack", "id": message["id"]}))
                seen["without_customer"] += message["customer"] is None
        seen[f"closed_{ws.close_code}"] += 1

    return asyncio.create_task(read())


async def main() -> None:
    """See above."""
    tokens = [line.strip() for line in iter(sys.stdin.readline, "\n")]
    seen: Counter[str] = Counter()
    gate = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        tasks = await asyncio.gather(*(page(http, sys.argv[1], t, gate, seen) for t in tokens))
        with calm_collector(full=False):  # a thousand browsers do not stop together
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        for task in tasks:
            task.cancel()
    print(json.dumps(dict(seen)), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
