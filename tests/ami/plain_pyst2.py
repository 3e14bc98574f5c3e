"""Plain pyst2 in a process of its own, because its faults hang or kill what they touch.

``python plain_pyst2.py SCENE PORT`` prints one JSON line and leaves without saying good-bye.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")
threading.excepthook = lambda args: None  # a dying thread of pyst2 is a result here, not an error

from asterisk.manager import Manager  # noqa: E402

PATIENCE_S = 1.0
KEPT: list[Manager] = []


def within(work: Any) -> Any:
    """The result of `work`, its exception's name, or "hangs"."""
    result: list[Any] = ["hangs"]

    def run() -> None:
        try:
            result[0] = work()
        except Exception as e:  # noqa: BLE001 - whatever it is, it is the result
            result[0] = type(e).__name__

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return result[0]


def message(response: Any) -> Any:
    return response if isinstance(response, str) else response.get_header("Message")


def events(manager: Manager, names: list[str]) -> None:
    manager.register_event("*", lambda event, _: names.append(event.name) and None)


def main(scene: str, port: int) -> Any:
    manager = Manager()
    KEPT.append(manager)  # its __del__ calls close(), which may hang
    heard: list[str] = []
    if scene == "callback":
        manager.register_event("First", lambda *_: 1 / 0)
    if scene == "charset":
        manager.register_event("Newchannel", lambda event, _: heard.append(event["CallerIDName"]) and None)
    else:
        events(manager, heard)
    manager.connect("127.0.0.1", port)
    if scene == "deadline":
        return within(lambda: message(manager.ping()))
    if scene == "order":
        return [within(lambda: message(manager.ping())), within(lambda: message(manager.status()))]
    if scene == "defaults":
        manager.send_action(Action="First", Foo="1")
        manager.send_action(Action="Second")
        return None
    if scene == "injection":
        return within(
            lambda: message(manager.redirect("PJSIP/1\r\n\r\nAction: Command\r\nCommand: core stop now", "1"))
        )
    if scene in ("chanvariable", "status", "callback", "charset"):
        within(lambda: message(manager.ping()))
        time.sleep(PATIENCE_S / 2)
        return {"heard": heard, "connected": manager.connected()}
    if scene == "reconnect":
        within(lambda: message(manager.send_action({"Action": "CutMe"})))
        time.sleep(PATIENCE_S / 2)
        return within(lambda: manager.connect("127.0.0.1", port))
    if scene == "close":
        return within(manager.close)
    if scene == "drop":
        return within(manager.__del__)
    raise SystemExit(f"no scene {scene}")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))), flush=True)
    os._exit(0)
