"""The events of a real queue call, as often as it takes, over a real socket to one client.

`queue_call.ami` is what a real Asterisk 22 said of one call that rang three agents, with every class of
events on. Two mixes are made of it: ``long`` (its events of 20 headers and more, 24 on the average) and
``hotline`` (all events of the classes that asterisk_conf lets the service hear, 19 on the average).
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

CALL = Path(__file__).parent / "queue_call.ami"
UNHEARD = {
    "VarSet",
    "Newexten",
    "HangupHandlerRun",
    "HangupHandlerPush",
    "TestEvent",
    "DialState",
    "ExtensionStatus",
}


def templates(mix: str) -> list[bytes]:
    """The events of one call."""
    events = [e for e in CALL.read_bytes().split(b"\r\n\r\n") if e]
    named = [(e[7 : e.find(b"\r\n")].decode(), e) for e in events]
    if mix == "hotline":
        named = [(name, e) for name, e in named if name not in UNHEARD]
    elif mix == "long":
        named = [(name, e) for name, e in named if e.count(b"\r\n") + 1 >= 20]
    return [e for _, e in named]


def payload(mix: str, count: int) -> bytes:
    """`count` events: the same call again and again, each with ids of its own."""
    call = b"\r\n\r\n".join(templates(mix)) + b"\r\n\r\n"
    size = len(templates(mix))
    stem = linkedid(call)
    calls = (call.replace(stem, b"%d." % (1_800_000_000 + n)) for n in range(count // size + 1))
    whole = b"".join(calls)
    return b"\r\n\r\n".join(whole.split(b"\r\n\r\n")[:count]) + b"\r\n\r\n"


def linkedid(call: bytes) -> bytes:
    """The seconds of the call's ids, with the dot."""
    start = call.find(b"Linkedid: ") + len(b"Linkedid: ")
    return call[start : call.find(b".", start) + 1]


def serve(mix: str, count: int) -> None:
    """Print the port, take one client, answer its actions, begin to stream half a second after its login."""
    data = payload(mix, count)
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        client, _ = server.accept()
    with client:
        client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        lock = threading.Lock()

        def stream() -> None:
            time.sleep(0.5)
            for start in range(0, len(data), 1 << 18):
                with lock:
                    client.sendall(data[start : start + (1 << 18)])

        rest = b""
        while got := _receive(client):
            rest += got
            *actions, rest = rest.split(b"\r\n\r\n")
            for action in actions:
                answer(client, lock, action)
                if b"ction: login" in action.lower():
                    threading.Thread(target=stream, daemon=True).start()


def _receive(client: socket.socket) -> bytes:
    try:
        return client.recv(65536)
    except ConnectionError:
        return b""


def answer(client: socket.socket, lock: threading.Lock, action: bytes) -> None:
    """Success, or an empty list. The lock waits while a block of events goes out, as in Asterisk."""
    headers = {
        k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in action.split(b"\r\n"))
    }
    name, action_id = headers.get(b"action", b""), headers.get(b"actionid", b"")
    text = b"Response: Success\r\nActionID: " + action_id
    if name in (b"CoreShowChannels", b"QueueStatus"):
        text += b"\r\nEventList: start\r\n\r\nEvent: " + name + b"Complete\r\nActionID: " + action_id
        text += b"\r\nEventList: Complete"
    with lock:
        client.sendall(text + b"\r\nMessage: ok\r\n\r\n")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
