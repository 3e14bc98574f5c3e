"""One leg of a recording: read whatever was written, say clearly what is wrong with it, find the speech."""

from __future__ import annotations

import struct
import wave
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray

from cti.speech.engine import Samples

VAD_RATE = 8_000
_FRAME = 80  # 10 ms at 8 kHz
_FRAME_MS = 10
_FLOOR_RANGE = (-66.0, -28.0)  # dBFS a noise floor can have; digital silence is no measure of a line
_ABOVE_FLOOR = 9.0  # dB over the floor that starts speech
_STAY_ABOVE = 5.0  # dB over the floor that continues it
_BRIDGE_MS = 250  # gaps inside words and between syllables
_SHORTEST_MS = 90
_VOICED_SHARE = 0.3  # of a stretch's frames that webrtcvad must call speech


class AudioState(StrEnum):
    """What came of reading a leg."""

    OK = "ok"
    SILENT = "silent"  # readable, but nobody speaks
    EMPTY = "empty"  # no samples
    BROKEN = "broken"  # no WAV, damaged, or an encoding that is not PCM
    MISSING = "missing"
    TOO_LONG = "too_long"
    TWO_VOICES = "two_voices"  # stereo with different channels: nobody can say whose leg it is


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech from `t0` to `t1` (ms from the start of the file) with its level in dBFS."""

    t0: int
    t1: int
    level: float


@dataclass(frozen=True, slots=True)
class LegAudio:
    """A leg that was read: mono samples at `rate`, the speech in it, the noise of the line (dBFS).

    `note` says in words what was odd (44.1 kHz, stereo folded …). Samples are empty unless OK or SILENT.
    """

    state: AudioState
    samples: Samples
    rate: int = VAD_RATE
    duration_ms: int = 0
    speech: tuple[Stretch, ...] = ()
    noise: float | None = None
    note: str = ""


_NOTHING: Samples = np.zeros(0, dtype=np.float32)


def load_leg(path: Path, *, longest_s: float = 7200.0) -> LegAudio:
    """Read one leg and find its speech; every fault of the file is a state, never an exception."""
    leg = _read(path, longest_s)
    if leg.state is not AudioState.OK:
        return leg
    return find_speech(leg)


def _read(path: Path, longest_s: float) -> LegAudio:
    try:
        with wave.open(str(path), "rb") as f:
            channels, width, rate, frames = (
                f.getnchannels(),
                f.getsampwidth(),
                f.getframerate(),
                f.getnframes(),
            )
            if frames == 0:
                return LegAudio(AudioState.EMPTY, _NOTHING, note="文件里没有声音数据")
            duration = frames / rate if rate else 0.0
            if not 4_000 <= rate <= 192_000 or channels > 8:
                return LegAudio(AudioState.BROKEN, _NOTHING, note=f"采样率 {rate} Hz / {channels} 声道不可用")
            if duration > longest_s:
                note = f"录音 {duration / 60:.0f} 分钟，超过上限 {longest_s / 60:.0f} 分钟"
                return LegAudio(AudioState.TOO_LONG, _NOTHING, rate, round(duration * 1000), note=note)
            raw = f.readframes(frames)
    except FileNotFoundError:
        return LegAudio(AudioState.MISSING, _NOTHING, note="没有这个文件")
    except (wave.Error, EOFError, OSError, RuntimeError, ValueError, struct.error) as e:
        return LegAudio(AudioState.BROKEN, _NOTHING, note=f"不是可读的 PCM WAV：{str(e) or type(e).__name__}")
    data = _pcm(raw, width, channels)
    if data is None or not data.size:
        return LegAudio(AudioState.BROKEN, _NOTHING, note=f"{width * 8} 位采样或数据被截断")
    notes = []
    if len(data) < frames:
        notes.append(f"文件头写 {frames} 帧，实有 {len(data)} 帧")
    mono = _fold(data)
    if mono is None:
        note = "双声道且两个声道不同：无法确定属于谁"
        return LegAudio(AudioState.TWO_VOICES, _NOTHING, rate, round(len(data) / rate * 1000), note=note)
    if channels > 1:
        notes.append(f"{channels} 声道已合为单声道")
    if rate != VAD_RATE:
        notes.append(f"{rate} Hz")
    return LegAudio(AudioState.OK, mono, rate, round(len(mono) / rate * 1000), note="；".join(notes))


def _pcm(raw: bytes, width: int, channels: int) -> NDArray[np.float32] | None:
    """Interleaved PCM bytes as float32 frames × channels; a truncated last frame is dropped."""
    raw = raw[: len(raw) // (width * channels) * width * channels]
    if width == 2:
        data = np.frombuffer(raw, "<i2").astype(np.float32) / 32768
    elif width == 1:
        data = (np.frombuffer(raw, "u1").astype(np.float32) - 128) / 128
    elif width == 4:
        data = np.frombuffer(raw, "<i4").astype(np.float32) / 2147483648
    elif width == 3:
        b = np.frombuffer(raw, "u1").reshape(-1, 3).astype(np.int32)
        data = (((b[:, 0] << 8) | (b[:, 1] << 16) | (b[:, 2] << 24)) >> 8).astype(np.float32) / 8388608
    else:
        return None
    return data.astype(np.float32, copy=False).reshape(-1, channels)


def _fold(data: NDArray[np.float32]) -> Samples | None:
    """One channel out of several: the only loud one, or their mean where they are alike; else None."""
    power = (data**2).mean(axis=0)
    loud = np.flatnonzero(power > max(float(power.max()) * 1e-4, 1e-9))
    if len(loud) <= 1:
        return np.ascontiguousarray(data[:, int(power.argmax())])
    chosen = data[:, loud]
    alike = np.corrcoef(chosen[:: max(1, len(chosen) // 200_000)], rowvar=False)
    if float(np.min(alike)) < 0.9:
        return None
    return np.ascontiguousarray(chosen.mean(axis=1, dtype=np.float32))


def resample(samples: Samples, rate: int, target: int) -> Samples:
    """Samples at another rate (soxr, high quality)."""
    if rate == target or not samples.size:
        return samples
    out: Samples = np.asarray(soxr.resample(samples, rate, target), dtype=np.float32)
    return out


def find_speech(leg: LegAudio) -> LegAudio:
    """Voice activity: energy over the leg's own noise floor gives the edges, webrtcvad confirms a voice."""
    at8k = resample(leg.samples, leg.rate, VAD_RATE)
    count = len(at8k) // _FRAME
    if count == 0:
        return replace(leg, state=AudioState.EMPTY, samples=_NOTHING, note="短于 10 ms")
    frames = at8k[: count * _FRAME].reshape(count, _FRAME)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    audible = level[level > -85.0]
    floor = float(np.clip(np.percentile(audible, 10) if audible.size else -66.0, *_FLOOR_RANGE))
    spans = _energetic(level, floor)
    voiced = _voiced(at8k, count)
    kept = tuple(
        Stretch(a * _FRAME_MS, b * _FRAME_MS, _speech_level(level[a:b]))
        for a, b in spans
        if (b - a) * _FRAME_MS >= _SHORTEST_MS and voiced[a:b].mean() >= _VOICED_SHARE
    )
    quiet = np.ones(count, dtype=bool)
    for a, b in spans:
        quiet[max(0, a - 5) : b + 5] = False
    background = level[quiet & (level > -85.0)]
    noise = round(float(np.median(background)), 1) if background.size >= 20 else None
    state = AudioState.OK if kept else AudioState.SILENT
    return replace(
        leg, state=state, speech=kept, noise=noise, note=leg.note if kept else leg.note or "没有人说话"
    )


def _energetic(level: NDArray[np.float32], floor: float) -> list[tuple[int, int]]:
    """Frame ranges above the floor with hysteresis, small gaps bridged."""
    smooth = np.convolve(level, np.ones(3) / 3, mode="same")
    start, stay = floor + _ABOVE_FLOOR, floor + _STAY_ABOVE
    edges = np.flatnonzero(np.diff(np.concatenate(([False], smooth > stay, [False])).astype(np.int8)))
    spans: list[tuple[int, int]] = []
    for a, b in edges.reshape(-1, 2).tolist():
        if float(smooth[a:b].max()) <= start:
            continue
        if spans and (a - spans[-1][1]) * _FRAME_MS <= _BRIDGE_MS:
            spans[-1] = (spans[-1][0], b)
        else:
            spans.append((a, b))
    return spans


def _voiced(at8k: Samples, count: int) -> NDArray[np.bool_]:
    """webrtcvad's word on every 10 ms frame, after a gain that brings quiet speech into its range."""
    peak = float(np.percentile(np.abs(at8k), 99.5)) if at8k.size else 0.0
    gain = min(30.0, 0.3 / peak) if 0 < peak < 0.3 else 1.0
    pcm = (np.clip(at8k * gain, -1, 1) * 32767).astype("<i2").tobytes()
    make: Any = webrtcvad.Vad  # ships no types
    vad = make(1)
    step = _FRAME * 2
    return np.fromiter(
        (vad.is_speech(pcm[i * step : (i + 1) * step], VAD_RATE) for i in range(count)),
        dtype=np.bool_,
        count=count,
    )


def _speech_level(level: NDArray[np.float32]) -> float:
    """Level of a stretch in dBFS: mean power of its louder half, so that pauses do not count."""
    louder = np.sort(level)[len(level) // 2 :]
    return round(float(10 * np.log10(np.mean(10 ** (louder / 10)))), 1)
