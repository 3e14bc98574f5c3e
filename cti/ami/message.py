"""One AMI response or event. Headers are looked up in the raw bytes; a mapping is made only when asked for.

A tracker needs eight of an event's 25 headers: finding those costs half of making the mapping, and an
event that nobody looks at costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

_KEYS: dict[str, bytes] = {}  # header name → how it begins on the wire
_MAX_KEYS = 1000


class Message:
    """A response or event: `kind` is ``Event`` or ``Response``, `name` its name or the response's word.

    Made by the parser from bytes, or from a mapping (traces, tests). Texts are decoded as `decode` says.
    """

    __slots__ = ("_data", "_headers", "_raw", "_repeated", "kind", "name")

    kind: str
    name: str
    _raw: bytes
    _headers: Mapping[str, str] | None
    _repeated: Mapping[str, tuple[str, ...]]
    _data: tuple[str, ...]

    def __init__(
        self,
        kind: str,
        name: str,
        headers: Mapping[str, str] | None = None,
        repeated: Mapping[str, tuple[str, ...]] | None = None,
        raw: bytes = b"",
    ) -> None:
        self.kind = kind
        self.name = name
        self._raw = raw
        self._headers = headers
        if not raw:
            self._headers, self._repeated, self._data = headers or {}, repeated or {}, ()

    def get(self, header: str, default: str = "") -> str:
        """The first value of a header, or `default`."""
        raw = self._raw
        if not raw:
            return self.headers.get(header, default)
        key = _KEYS.get(header) or _key(header)
        start = raw.find(key)
        if start < 0:
            return self._rare(header, default)
        start += len(key)
        end = raw.find(b"\r\n", start)
        value = raw[start:end] if end >= 0 else raw[start:]
        try:
            return value.decode()
        except UnicodeDecodeError:
            return decode(value)

    def _rare(self, header: str, default: str) -> str:
        """A header without the blank after its colon, the first line, or none at all."""
        if header == self.kind:
            return self.name
        if self._raw.find(f"\r\n{header}:".encode()) < 0:
            return default
        return self.headers.get(header, default)

    def has(self, header: str) -> bool:
        """Whether the header is there, with or without a value."""
        if not self._raw:
            return header in self.headers
        return header == self.kind or f"\r\n{header}:".encode() in self._raw

    @property
    def headers(self) -> Mapping[str, str]:
        """The first value of every header, in the order of arrival."""
        if self._headers is None:
            self._parse()
        return self._headers or {}

    @property
    def repeated(self) -> Mapping[str, tuple[str, ...]]:
        """All values of the headers that came more than once (``Variable``, ``ChanVariable``, ``Output``)."""
        if self._headers is None:
            self._parse()
        return self._repeated

    def get_all(self, header: str) -> tuple[str, ...]:
        """Every value of a header."""
        if header in self.repeated:
            return self.repeated[header]
        return (self.headers[header],) if header in self.headers else ()

    def pairs(self) -> list[tuple[str, str]]:
        """All headers with repetitions, for traces."""
        return [(key, value) for key in self.headers for value in self.get_all(key)]

    @property
    def action_id(self) -> str:
        """The ActionID that this answers, or ""."""
        return self.get("ActionID")

    @property
    def ok(self) -> bool:
        """Whether a response says that the action was taken."""
        return self.kind == "Response" and self.name not in ("Error", "")

    @property
    def output(self) -> tuple[str, ...]:
        """What a Command printed, in the present form (``Output`` headers) or the old one (plain lines)."""
        if "Output" in self.headers:
            return self.get_all("Output")
        return tuple(line for line in self._data if line != "--END COMMAND--")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (self.kind, self.name, self.pairs()) == (other.kind, other.name, other.pairs())

    def __hash__(self) -> int:
        return hash((self.kind, self.name, tuple(self.pairs())))

    def __repr__(self) -> str:
        return f"Message({self.kind!r}, {self.name!r}, {len(self.headers)} headers)"

    def _parse(self) -> None:
        self._repeated, self._data = {}, ()
        try:
            lines = self._raw.decode().split("\r\n")
        except UnicodeDecodeError:
            lines = [decode(line) for line in self._raw.split(b"\r\n")]
        if self.name != "Follows":
            try:
                plain = dict([line.split(": ", 1) for line in lines])
            except ValueError:
                pass  # a header without value, or plain output: the careful way below
            else:
                if len(plain) == len(lines):
                    self._headers = plain
                    return
        self._parse_carefully(lines)

    def _parse_carefully(self, lines: list[str]) -> None:
        headers: dict[str, str] = {}
        repeated: dict[str, list[str]] = {}
        data: list[str] = []
        for line in lines:
            key, colon, value = line.partition(":")
            if not colon or not key or " " in key or "\n" in line:
                data.extend(part for part in line.split("\n") if part)
                continue
            value = value.removeprefix(" ")
            if key not in headers:
                headers[key] = value
                continue
            repeated.setdefault(key, [headers[key]]).append(value)
        self._headers = headers
        self._repeated = {key: tuple(values) for key, values in repeated.items()}
        self._data = tuple(data)


def _key(header: str) -> bytes:
    key = f"\r\n{header}: ".encode()
    if len(_KEYS) < _MAX_KEYS:
        _KEYS[header] = key
    return key


def decode(raw: bytes) -> str:
    """Text of a header line: UTF-8, else GB18030, else Latin-1; never surrogates, never an error.

    Asterisk cuts caller names at 80 bytes, if need be in the middle of a character: a UTF-8 text that only
    lacks its end stays UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as e:
        head = raw[: e.start]
        if e.reason == "unexpected end of data" and not head.isascii():
            return head.decode() + "\N{REPLACEMENT CHARACTER}"
    try:
        return raw.decode("gb18030")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
