"""Headsets to be plugged in and out: a PulseAudio of the test's own, whose loudspeakers can be heard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

RATE = 48_000
LISTEN_S = 1.0


class SoundCards:
    """Loudspeakers and microphones by name."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "pulse.sock"
        self.env = {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(folder / "pulse-run"),
            "PULSE_STATE_PATH": str(folder / "pulse-state"),
        }
        self._modules: dict[str, list[str]] = {}
        self._server: asyncio.subprocess.Process | None = None
        self._voices: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Run the server, without a device yet."""
        self._server = await asyncio.create_subprocess_exec(
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"),
            *("--use-pid-file=no", "--log-level=error"),
            *("-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"),
            *("-L", "module-always-sink"),  # as on a PC whose last headset was pulled out
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        async with asyncio.timeout(10):
            while not self._socket.exists():
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop everything."""
        for process in [*self._voices, self._server]:
            if process is not None and process.returncode is None:
                process.terminate()
                await process.wait()

    async def plug_speaker(self, name: str) -> None:
        """A loudspeaker; it becomes the system's if there is no other."""
        self._modules[name] = [await self._load("module-null-sink", f"sink_name={name}", _told("sink", name))]

    async def plug_microphone(self, name: str) -> None:
        """A microphone that is silent until `say`."""
        self._modules[name] = [
            await self._load("module-null-sink", f"sink_name={name}-mouth", _told("sink", f"{name}-mouth")),
            await self._load(
                "module-remap-source",
                f"source_name={name}",
                f"master={name}-mouth.monitor",
                _told("source", name),
            ),
        ]

    async def unplug(self, name: str) -> None:
        """Pull it out."""
        for module in reversed(self._modules.pop(name)):
            await self._pactl("unload-module", module)

    async def default(self, speaker: str, microphone: str) -> None:
        """What the system uses where nothing is chosen."""
        await self._pactl("set-default-sink", speaker)
        await self._pactl("set-default-source", microphone)

    async def say(self, microphone: str, voice: Path) -> None:
        """From now on somebody speaks into it: this WAV of RATE, mono."""
        self._voices.append(
            await asyncio.create_subprocess_exec(
                *("pacat", "--playback", f"--device={microphone}-mouth", "--file-format=wav", str(voice)),
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    async def loudness(self, speaker: str, seconds: float = LISTEN_S) -> float:
        """How loud it sounds there for so long: RMS of 16-bit samples, 0 when nothing plays."""
        process = await asyncio.create_subprocess_exec(
            *(
                "parec",
                f"--device={speaker}.monitor",
                "--latency-msec=50",
                "--raw",
                "--format=s16le",
                "--rate=8000",
                "--channels=1",
            ),
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        heard = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while block := await process.stdout.read(4096):
                    heard += block
        process.terminate()
        await process.wait()
        samples = np.frombuffer(heard[: len(heard) // 2 * 2], "<i2").astype(float)
        return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0

    async def _load(self, *module: str) -> str:
        return (await self._pactl("load-module", *module)).strip()

    async def _pactl(self, *order: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("pactl", *order),
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, err.decode()
        return out.decode()


def _told(kind: str, name: str) -> str:
    return f"{kind}_properties=device.description={name}"


def loudness_of(growing: Path, last_s: float) -> float:
    """RMS of the last seconds of a WAV of 8 kHz, 16 bits, still being written: its header is not yet true."""
    sound = growing.read_bytes()[44:]
    samples = np.frombuffer(sound[: len(sound) // 2 * 2], "<i2").astype(float)[-int(last_s * 8000) :]
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


@pytest.fixture
async def soundcards(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoundCards]:
    """None plugged in yet."""
    if shutil.which("pulseaudio") is None or shutil.which("pactl") is None:
        pytest.skip("no PulseAudio on this machine (apt: pulseaudio pulseaudio-utils)")
    cards = SoundCards(tmp_path_factory.mktemp("pa"))
    await cards.start()
    try:
        yield cards
    finally:
        await cards.stop()
