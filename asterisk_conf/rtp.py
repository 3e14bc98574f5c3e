"""RTP of a simulated phone as a capture file, which SIPp replays: voice and keys in one stream.

SIPp can press keys by itself, but only with payload type 96, which does not fit an answer to Asterisk's
offer (101), and from another port than its voice, which Asterisk's strict RTP refuses.
Sources: RFC 3550 (header), RFC 4733 (telephone-event), pcap-savefile(5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RATE = 8000
FRAME = 160  # 20 ms
ALAW, EVENT = 8, 101
KEYS = "0123456789*#ABCD"
KEY_FRAMES, GAP_FRAMES = 7, 4  # 140 ms down, 80 ms between


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet, sent `at` frames of 20 ms after the start."""

    at: int
    timestamp: int
    payload_type: int
    marker: bool
    payload: bytes


def voice(alaw: bytes) -> list[Packet]:
    """A-law sound cut into packets."""
    return [
        Packet(n, n * FRAME, ALAW, n == 0, alaw[n * FRAME : (n + 1) * FRAME].ljust(FRAME, b"\xd5"))
        for n in range((len(alaw) + FRAME - 1) // FRAME)
    ]


def keys(digits: str) -> list[Packet]:
    """Key presses, one after the other; the end of each is sent three times."""
    packets = []
    for number, digit in enumerate(digits):
        begin = number * (KEY_FRAMES + GAP_FRAMES)
        code = KEYS.index(digit)
        for frame in range(KEY_FRAMES + 2):
            ended = frame >= KEY_FRAMES - 1
            duration = min(frame + 1, KEY_FRAMES) * FRAME
            body = struct.pack("!BBH", code, (0x80 if ended else 0) | 10, duration)
            packets.append(Packet(begin + frame, begin * FRAME, EVENT, frame == 0, body))
    return packets


def keys_seconds(digits: str) -> float:
    """How long `keys` takes to send."""
    return len(digits) * (KEY_FRAMES + GAP_FRAMES) * FRAME / RATE


class Stream:
    """Numbers of one RTP stream, which go on from one capture to the next."""

    def __init__(self, ssrc: int = 0x6C616964) -> None:
        self._ssrc = ssrc
        self._sequence = 1
        self._timestamp = RATE

    def capture(self, packets: Sequence[Packet]) -> bytes:
        """The packets as a capture file."""
        return b"".join((_FILE_HEADER, *self._records(packets)))

    def _records(self, packets: Sequence[Packet]) -> Iterator[bytes]:
        for packet in packets:
            rtp = struct.pack(
                "!BBHII",
                0x80,
                (0x80 if packet.marker else 0) | packet.payload_type,
                self._sequence & 0xFFFF,
                self._timestamp + packet.timestamp,
                self._ssrc,
            )
            self._sequence += 1
            frame = _wrap(rtp + packet.payload)
            microseconds = packet.at * 20_000
            yield struct.pack("=IIII", *divmod(microseconds, 1_000_000), len(frame), len(frame)) + frame
        if packets:
            # the silence between two captures is not known here: a second is far enough
            self._timestamp += max(p.timestamp for p in packets) + RATE


_FILE_HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def _wrap(payload: bytes) -> bytes:
    """Ethernet, IPv4 and UDP headers around it; SIPp puts its own addresses and checksums in."""
    udp = struct.pack("!HHHH", 4000, 4000, 8 + len(payload), 0)
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
    )
    return b"\0" * 12 + b"\x08\0" + ip + udp + payload
