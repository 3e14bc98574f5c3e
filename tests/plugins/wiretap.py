"""What phones really hear: RTP on the loopback, by the port it is sent to. Needs the right to read it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterable

import pytest

ALAW = 8
_UDP = 17


def _linear(byte: int) -> int:
    """ITU-T G.711 A-law to 16 bits."""
    byte ^= 0x55
    segment, value = (byte & 0x70) >> 4, (byte & 0x0F) << 4
    value += 8 if not segment else 0x108
    if segment > 1:
        value <<= segment - 1
    return value if byte & 0x80 else -value


_TABLE = [_linear(b) for b in range(256)]


async def listen(seconds: float) -> dict[int, list[int]]:
    """All A-law RTP of the loopback for so long: port it was sent to → samples."""
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    except PermissionError:
        pytest.skip("no right to read packets (root)")
    heard: dict[int, list[int]] = defaultdict(list)
    seen: set[tuple[int, int, int]] = set()  # the loopback shows each packet going out and coming in
    loop = asyncio.get_running_loop()
    with contextlib.closing(tap):
        tap.bind(("lo", 0x0800))
        tap.setblocking(False)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                packet = await asyncio.wait_for(loop.sock_recv(tap, 2048), left)
            except TimeoutError:
                break
            size = (packet[0] & 15) * 4
            if packet[9] != _UDP or len(packet) < size + 20:
                continue
            to = struct.unpack_from("!H", packet, size + 2)[0]
            rtp = packet[size + 8 :]
            number, ssrc = struct.unpack_from("!H", rtp, 2)[0], struct.unpack_from("!I", rtp, 8)[0]
            if rtp[0] != 0x80 or rtp[1] & 0x7F != ALAW or (to, number, ssrc) in seen:
                continue
            seen.add((to, number, ssrc))
            heard[to] += [_TABLE[b] for b in rtp[12:]]
    return heard


def tones_in(samples: list[int], of: Iterable[float]) -> set[float]:
    """Which of these tones (hertz) are in the sound, by Goertzel's algorithm."""
    assert len(samples) > 4000, f"only {len(samples)} samples"

    def power(hertz: float) -> float:
        turn = 2 * math.cos(2 * math.pi * hertz / 8000)
        one = two = 0.0
        for sample in samples:
            one, two = sample / 32768 + turn * one - two, one
        return (one * one + two * two - turn * one * two) / len(samples) ** 2

    powers = {hertz: power(hertz) for hertz in of}
    return {hertz for hertz, p in powers.items() if p > 2e-4}
