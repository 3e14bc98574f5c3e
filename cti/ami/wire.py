"""AMI on the wire, without any I/O: bytes in, messages out, actions to bytes.

A message ends at a blank line and nowhere else (Asterisk, "AMI v2 Specification"): what a caller calls
himself must never change the framing. Events nobody asked for are dropped after their first line, and of
the others only what somebody looks at is decoded: a mapping of 25 headers costs ten times as much as
finding the end of the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from cti.ami.message import Message, decode
from cti.errors import ProtocolError, UsageError

__all__ = ["ActionValue", "Message", "Parser", "decode", "encode"]

END = b"\r\n\r\n"
MAX_MESSAGE = 1 << 20  # bytes; `dialplan show` of a large system stays below, a runaway peer does not
_MAX_FAULTS = 64
_EVENT, _RESPONSE = b"Event: ", b"Response: "
_REFUSED = frozenset("\r\n\0")

ActionValue = str | int | Sequence[str]


class Parser:
    """Cuts a byte stream into messages, however the bytes were cut on the way.

    `wanted` names the events to give out; None means all. Responses always are. A message that is
    larger than `max_message` or is neither event nor response becomes a ProtocolError in `take_faults`
    and the stream goes on behind its blank line. `seen` counts all events, `skipped` the unwanted.
    """

    __slots__ = (
        "_buffer",
        "_discarding",
        "_faults",
        "_greeted",
        "_max",
        "_wanted",
        "faults",
        "greeting",
        "lists_open",
        "seen",
        "skipped",
    )

    def __init__(
        self,
        wanted: Collection[str] | None = None,
        *,
        max_message: int = MAX_MESSAGE,
        greeting: bool = True,
    ) -> None:
        self._buffer = bytearray()
        self._discarding = 0  # bytes dropped so far of a message that is too large
        self._faults: deque[ProtocolError] = deque(maxlen=_MAX_FAULTS)
        self._greeted = not greeting
        self._max = max_message
        self._wanted: Mapping[bytes, str] | None = (
            None if wanted is None else {name.encode(): name for name in wanted}
        )
        self.greeting = ""
        self.lists_open = 0  # while > 0, events that carry an ActionID are wanted whatever their name
        self.faults = self.seen = self.skipped = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes as they came and return the messages that are complete now."""
        buffer = self._buffer
        searched = max(0, len(buffer) - len(END) + 1)
        buffer += data
        if not self._greeted and not self._greet():
            return []
        end = buffer.rfind(END, min(searched, len(buffer)))
        if end < 0:
            if len(buffer) > self._max + len(END) - 1:
                self._discarding += len(buffer) - len(END) + 1
                del buffer[: 1 - len(END)]  # a blank line may be cut: its head stays
            return []
        block = bytes(buffer[:end])
        del buffer[: end + len(END)]
        return self._messages(block.split(END))

    @property
    def greeted(self) -> bool:
        """Whether the greeting, or a first message in its place, has come."""
        return self._greeted

    def take_faults(self) -> list[ProtocolError]:
        """The faults since the last call (at most 64 are kept; `faults` counts them all)."""
        taken = list(self._faults)
        self._faults.clear()
        return taken

    def _greet(self) -> bool:
        """Take the line ``Asterisk Call Manager/…`` off; a stream may also begin without one (traces)."""
        line, found, _ = bytes(self._buffer[:256]).partition(b"\r\n")
        if not found and len(self._buffer) < 256:
            return False
        self._greeted = True
        if found and not line.startswith((_EVENT, _RESPONSE)):
            self.greeting = decode(line)
            del self._buffer[: len(line) + 2]
        return True

    def _messages(self, chunks: Iterable[bytes]) -> list[Message]:
        messages: list[Message] = []
        wanted, limit = self._wanted, self._max
        seen = skipped = 0
        for chunk in chunks:
            if self._discarding:
                self._fault(f"message of {self._discarding + len(chunk)} bytes, more than {limit}")
                self._discarding = 0
                continue
            if chunk[:1] in b"\r\n":  # stray blank lines between messages (or nothing at all)
                chunk = chunk.strip(b"\r\n")
                if not chunk:
                    continue
            if len(chunk) > limit:
                self._fault(f"message of {len(chunk)} bytes, more than {limit}")
                continue
            if chunk.startswith(_EVENT):
                seen += 1
                stop = chunk.find(b"\r\n")
                raw_name = chunk[7:stop] if stop > 0 else chunk[7:]
                name = None if wanted is None else wanted.get(raw_name)
                if name is None:
                    if wanted is not None and not (self.lists_open and b"\r\nActionID: " in chunk):
                        skipped += 1
                        continue
                    name = decode(raw_name)
                messages.append(Message("Event", name, None, None, chunk))
            elif chunk.startswith(_RESPONSE):
                word = chunk[10:].partition(b"\r\n")[0]
                messages.append(Message("Response", decode(word), raw=chunk))
            else:
                self._fault(f"message is neither event nor response: {chunk[:40]!r}")
        self.seen += seen
        self.skipped += skipped
        return messages

    def _fault(self, text: str) -> None:
        self.faults += 1
        self._faults.append(ProtocolError(f"AMI: {text}"))


def encode(action: Mapping[str, ActionValue]) -> bytes:
    """Bytes of an action; a list is sent as one header a value.

    Raises UsageError where a name or value holds CR, LF or NUL: it would be read as another action.
    """
    lines: list[str] = []
    for key, value in action.items():
        for item in [value] if isinstance(value, str | int) else value:
            line = f"{key}: {item}"
            if not key or ":" in key or not _REFUSED.isdisjoint(line):
                raise UsageError(f"AMI header {key!r} holds a character that would start another header")
            lines.append(line)
    try:
        return "\r\n".join([*lines, "", ""]).encode()
    except UnicodeEncodeError as e:
        raise UsageError("AMI action holds text that is not valid Unicode") from e
