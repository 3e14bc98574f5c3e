"""One FastAGI server per contender, all with the same call: ``python -m bench.agi.servers NAME PORT``.

`ours` is the product's link and session; `ours_threads` the same session with a blocking socket and a thread
per call, which is the design that lost; `pyst2_threads` is pyst2 as it ships (its constructor's
``signal.signal`` made harmless, or it would not run in a thread at all, and its stderr thrown away); `bare`
is asyncio streams with no library at all.
"""

from __future__ import annotations

import asyncio
import io
import os
import resource
import signal
import socket
import sys
import threading

GREETING = "laidian/zh/welcome"


def script(agi) -> None:
    """Twelve commands with pyst2's verbs, as a tracking call would send them."""
    agi.answer()
    agi.set_variable("LAIDIAN_PATH", "main")
    agi.stream_file(GREETING, "0123456789*#")
    agi.get_data(GREETING, 5000, 1)
    agi.set_variable("LAIDIAN_PATH", "main>track")
    agi.get_data(GREETING, 5000, 12)
    agi.stream_file(GREETING)
    agi.say_digits("123456789012")
    agi.stream_file(GREETING)
    agi.set_variable("LAIDIAN_WAYBILL", "123456789012")
    agi.appexec("UserEvent", "LaidianContext,path: main>track")
    agi.set_variable("LAIDIAN_QUEUE", "support")


LINES = [
    "ANSWER",
    'SET VARIABLE "LAIDIAN_PATH" "main"',
    f'STREAM FILE {GREETING} "0123456789*#" 0',
    f"GET DATA {GREETING} 5000 1",
    'SET VARIABLE "LAIDIAN_PATH" "main>track"',
    f"GET DATA {GREETING} 5000 12",
    f'STREAM FILE {GREETING} "" 0',
    'SAY DIGITS "123456789012" ""',
    f'STREAM FILE {GREETING} "" 0',
    'SET VARIABLE "LAIDIAN_WAYBILL" "123456789012"',
    'EXEC UserEvent "LaidianContext,path: main>track"',
    'SET VARIABLE "LAIDIAN_QUEUE" "support"',
]


def ours(port: int) -> None:
    import uvloop

    from agi_scripts.server import Server
    from agi_scripts.session import Session
    from cti.collector import calm_collector

    async def run() -> None:
        server = Server(lambda link, env: script(Session(env.values, link)), max_calls=5000)
        with calm_collector():
            await server.start("127.0.0.1", port)
            print("ready", flush=True)
            await asyncio.Event().wait()

    uvloop.run(run())


def whole(port: int) -> None:
    """The product as it runs: flows, runner, store."""
    import tempfile
    from pathlib import Path

    import uvloop

    from agi_scripts.host import running
    from cti import obs
    from cti.config import Settings
    from cti.store.db import Database
    from cti.store.migrations import upgrade

    obs.configure("ERROR")

    async def run(folder: str) -> None:
        db = Database(f"sqlite:///{folder}/bench.db")
        upgrade(db)
        settings = Settings(
            queues=[{"name": "hotline", "label": "x"}],
            asterisk={"directory": Path(folder)},
            agi={"max_calls": 9000},
        )
        async with running(settings, db, port=port):
            print("ready", flush=True)
            await asyncio.Event().wait()

    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(run(folder))


class SocketLink:
    """The loser: the product's session over a blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        from agi_scripts.wire import Environment, HangUp, Reader, Reply

        self.sock, self.reader, self.hung_up = sock, Reader(), False
        self.items: list = []
        self.kinds = (Environment, Reply, HangUp)

    def next(self, kind: type):
        from agi_scripts.errors import CallerHungUp

        while True:
            while self.items:
                item = self.items.pop(0)
                if isinstance(item, kind):
                    return item
                self.hung_up = True
            data = self.sock.recv(65536)
            if not data:
                raise CallerHungUp("closed")
            self.items += self.reader.feed(data)

    def send(self, line: bytes) -> None:
        self.sock.sendall(line)

    def reply(self, deadline_s: float):
        self.sock.settimeout(deadline_s)
        return self.next(self.kinds[1])


def _threads(port: int, serve) -> None:
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    print("ready", flush=True)

    def one(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock:
            serve(sock)

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=one, args=(sock,), daemon=True).start()


def ours_threads(port: int) -> None:
    from agi_scripts.session import Session

    def serve(sock: socket.socket) -> None:
        link = SocketLink(sock)
        env = link.next(link.kinds[0])
        script(Session(env.values, link))

    _threads(port, serve)


def pyst2_threads(port: int) -> None:
    from asterisk import agi as pyst2

    signal.signal = lambda *a: None  # type: ignore[assignment]

    class Sink(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    def serve(sock: socket.socket) -> None:
        stream = sock.makefile("rw", encoding="utf-8", newline="\n")
        script(pyst2.AGI(stdin=stream, stdout=stream, stderr=Sink()))

    _threads(port, serve)


def panoramisk(port: int) -> None:
    _panoramisk(port, asyncio.run)


def panoramisk_uvloop(port: int) -> None:
    import uvloop

    _panoramisk(port, uvloop.run)


def _panoramisk(port: int, run_loop) -> None:
    from panoramisk import fast_agi

    async def call(request) -> None:
        for line in LINES:
            await request.send_command(line)

    async def run() -> None:
        app = fast_agi.Application(loop=asyncio.get_running_loop())
        app.add_route("ivr", call)
        await asyncio.start_server(app.handler, "127.0.0.1", port, backlog=2048)
        print("ready", flush=True)
        await asyncio.Event().wait()

    run_loop(run())


def bare(port: int) -> None:
    _bare(port, asyncio.run)


def bare_uvloop(port: int) -> None:
    import uvloop

    _bare(port, uvloop.run)


def _bare(port: int, run_loop) -> None:
    lines = [(line + "\n").encode() for line in LINES]

    async def handle(reader, writer) -> None:
        while (await reader.readline()) != b"\n":
            pass
        for line in lines:
            writer.write(line)
            await reader.readline()
        writer.close()

    async def run() -> None:
        await asyncio.start_server(handle, "127.0.0.1", port, backlog=2048)
        print("ready", flush=True)
        await asyncio.Event().wait()

    run_loop(run())


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    soft = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    globals()[name](port)


if __name__ == "__main__":
    main()
