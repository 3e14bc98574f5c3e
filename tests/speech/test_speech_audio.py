"""A leg is read whatever it is, and says what it is; speech is found where it is."""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import CallFacts, Leg
from cti.speech.audio import AudioState, Stretch, load_leg, resample
from cti.speech.engine import Engine, Heard, HeardWord, Samples, is_loop
from cti.speech.pieces import Piece, packs, pieces
from cti.speech.transcribe import heard_share, transcribe, transcribe_leg


def voice(seconds: float, rate: int = 8000, level: float = 0.2, pitch: float = 140.0) -> Samples:
    """Something webrtcvad takes for a voice: a buzz with three formants and a syllable rhythm."""
    t = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 20))
    formants = sum(np.sin(2 * np.pi * f * t) for f in (500, 1500, 2500)) * 0.3
    rhythm = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)
    out = (buzz + formants) * rhythm
    return np.asarray(out / np.abs(out).max() * level, dtype=np.float32)


def noise(seconds: float, rate: int = 8000, dbfs: float = -62.0) -> Samples:
    rng = np.random.default_rng(1)
    return rng.normal(0, 10 ** (dbfs / 20), int(seconds * rate)).astype(np.float32)


def talk(rate: int = 8000, second: float = 4.0) -> Samples:
    """Speech at 1.0–2.5 s and for a second from `second` on, of `second` + 2 s."""
    track = noise(second + 2.0, rate)
    for at, length in ((1.0, 1.5), (second, 1.0)):
        part = voice(length, rate)
        track[int(at * rate) : int(at * rate) + len(part)] += part
    return track


def write(path: Path, *channels: Samples, rate: int = 8000, width: int = 2) -> Path:
    data = np.stack(channels, axis=1)
    with wave.open(str(path), "wb") as f:
        f.setnchannels(len(channels))
        f.setsampwidth(width)
        f.setframerate(rate)
        if width == 2:
            f.writeframes((data * 32767).astype("<i2").tobytes())
        elif width == 1:
            f.writeframes((data * 127 + 128).astype("u1").tobytes())
        else:
            f.writeframes((data * 2147483000).astype("<i4").tobytes())
    return path


def test_speech_is_found_to_the_hundredth(tmp_path: Path) -> None:
    """The edges of speech are right to 60 ms, and the line's noise to 2 dB."""
    leg = load_leg(write(tmp_path / "a.wav", talk()))
    assert leg.state is AudioState.OK
    assert [(s.t0, s.t1) for s in leg.speech] == [
        (pytest.approx(1000, abs=60), pytest.approx(2500, abs=60)),
        (pytest.approx(4000, abs=60), pytest.approx(5000, abs=60)),
    ]
    assert leg.noise == pytest.approx(-62, abs=2)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_every_usual_rate_is_read(tmp_path: Path, rate: int) -> None:
    """44.1 kHz and others give the same speech, and the note says the rate."""
    leg = load_leg(write(tmp_path / "a.wav", talk(rate), rate=rate))
    assert leg.state is AudioState.OK
    assert len(leg.speech) == 2
    assert leg.rate == rate
    assert (str(rate) in leg.note) == (rate != 8000)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_every_usual_sample_width_is_read(tmp_path: Path, width: int) -> None:
    """8, 16 and 32 bits give the same speech."""
    leg = load_leg(write(tmp_path / "a.wav", talk() + noise(6.0, dbfs=-45), width=width))
    assert len(leg.speech) == 2


def test_stereo_is_folded_only_where_it_is_one_voice(tmp_path: Path) -> None:
    """Twice the same channel or one silent channel is one leg; two voices are refused."""
    same = load_leg(write(tmp_path / "same.wav", talk(), talk()))
    assert same.state is AudioState.OK
    assert "2 声道" in same.note
    one = load_leg(write(tmp_path / "one.wav", talk(), np.zeros(48_000, dtype=np.float32)))
    assert len(one.speech) == 2
    other = noise(6.0) + np.roll(voice(6.0, pitch=220), 900)
    both = load_leg(write(tmp_path / "both.wav", talk(), other))
    assert both.state is AudioState.TWO_VOICES
    assert not both.samples.size


def test_bad_files_have_a_state(tmp_path: Path) -> None:
    """Missing, empty, damaged, silent: each says so and none raises."""
    assert load_leg(tmp_path / "none.wav").state is AudioState.MISSING
    (tmp_path / "zero.wav").write_bytes(b"")
    assert load_leg(tmp_path / "zero.wav").state is AudioState.BROKEN
    (tmp_path / "text.wav").write_text("not sound", encoding="utf-8")
    assert load_leg(tmp_path / "text.wav").state is AudioState.BROKEN
    assert load_leg(tmp_path).state is AudioState.BROKEN
    write(tmp_path / "header.wav", np.zeros(0, dtype=np.float32))
    assert load_leg(tmp_path / "header.wav").state is AudioState.EMPTY
    write(tmp_path / "silent.wav", noise(3.0))
    assert load_leg(tmp_path / "silent.wav").state is AudioState.SILENT
    write(tmp_path / "digital.wav", np.zeros(24_000, dtype=np.float32))
    dead = load_leg(tmp_path / "digital.wav")
    assert (dead.state, dead.noise) == (AudioState.SILENT, None)


def test_a_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    """A recording cut off in the middle keeps its first part and says so."""
    whole = write(tmp_path / "a.wav", talk()).read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 3 * 16_000 + 1])
    leg = load_leg(tmp_path / "cut.wav")
    assert leg.state is AudioState.OK
    assert leg.duration_ms == pytest.approx(3000, abs=10)
    assert "实有" in leg.note


def test_a_three_hour_file_is_refused_unread(tmp_path: Path) -> None:
    """Three hours are over the limit; the state says the length."""
    size = 3 * 3600 * 16_000
    head = (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    )
    file = tmp_path / "long.wav"
    with file.open("wb") as f:
        f.write(head + b"data" + struct.pack("<I", size))
        f.truncate(44 + size)
    leg = load_leg(file)
    assert leg.state is AudioState.TOO_LONG
    assert "180 分钟" in leg.note
    assert leg.duration_ms == 3 * 3600 * 1000


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    """Whatever lies behind a WAV header, there is a state."""
    file = tmp_path_factory.mktemp("junk") / "j.wav"
    file.write_bytes(b"RIFF" + struct.pack("<I", len(junk) + 4) + b"WAVE" + junk)
    assert load_leg(file).state in AudioState


def test_steady_noise_is_no_speech(tmp_path: Path) -> None:
    """A loud hiss at −34 dBFS is the line's noise, and speech over it is still found."""
    hiss = noise(6.0, dbfs=-34)
    quiet = load_leg(write(tmp_path / "hiss.wav", hiss))
    assert quiet.state is AudioState.SILENT
    assert quiet.noise == pytest.approx(-34, abs=2)
    track = hiss.copy()
    track[8000:20000] += voice(1.5)
    assert len(load_leg(write(tmp_path / "both.wav", track)).speech) == 1


def test_resampling_keeps_a_tone() -> None:
    """1 kHz at 8 kHz is 1 kHz at 16 kHz, and of twice the samples."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)
    out = resample(tone, 8000, 16000)
    assert len(out) == 16_000
    assert int(np.abs(np.fft.rfft(out)).argmax()) == 1000


def test_pieces_join_short_pauses_and_cut_monologues() -> None:
    """Pauses under 1.5 s are joined; nothing is longer than the recogniser takes; nothing is lost."""
    speech = (Stretch(0, 1000, -20), Stretch(2400, 3000, -20), Stretch(4600, 5000, -20))
    assert [len(p.speech) for p in pieces(speech, 6000, 28.0)] == [2, 1]
    long = tuple(Stretch(i * 4000, i * 4000 + 3000, -20) for i in range(30))
    cut = pieces(long, 120_000, 28.0)
    assert max(p.t1 - p.t0 for p in cut) <= 28_000
    assert sum(len(p.speech) for p in cut) == 30
    unbroken = pieces((Stretch(0, 100_000, -20),), 100_000, 28.0)
    assert max(p.t1 - p.t0 for p in unbroken) <= 28_000
    assert sum(s.t1 - s.t0 for p in unbroken for s in p.speech) == 100_000


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("谢谢谢谢谢谢谢谢", True),
        ("我要投诉我要投诉我要投诉我要投诉", True),
        ("您好您好，请问有什么可以帮助您", False),
        ("一二三四五六七八九零", False),
        ("对对对好的好的", False),
    ],
)
def test_loops_are_known(text: str, loop: bool) -> None:
    """Text that a recogniser repeats in circles is told from people repeating themselves."""
    assert is_loop(text) is loop


def test_the_share_really_transcribed() -> None:
    """Untrusted or hardly probable text counts as nothing, few words as few."""
    piece = Piece(0, 4000, (Stretch(0, 4000, -20),))
    words = tuple(HeardWord("好", i * 0.5, i * 0.5 + 0.3, 0.9) for i in range(8))
    assert heard_share(Heard("好" * 8, words), piece) == 1.0
    assert heard_share(Heard("好" * 8, words, doubtful=((0.0, 4.0),)), piece) == 0.0
    assert heard_share(Heard("", ()), piece) == 0.0
    assert heard_share(Heard("好好", words[:2]), piece) == pytest.approx(0.278, abs=0.01)
    unsure = tuple(HeardWord("好", 0, 1, 0.1) for _ in range(8))
    assert heard_share(Heard("好" * 8, unsure), piece) == 0.0


class Fixed:
    """An engine on the port that hears the same sentence in every stretch."""

    name, model, rate, longest_s = "fixed", "none", 16_000, 28.0

    def __init__(self) -> None:
        self.asked: list[int] = []

    def recognise(self, samples: Samples) -> Heard:
        self.asked.append(len(samples))
        end = len(samples) / self.rate
        return Heard("感谢您的来电再见", (HeardWord("感谢您的来电再见", 0.2, end - 0.2, 0.9),))

    def language_of(self, samples: Samples) -> str | None:
        return "zh"


def test_a_call_goes_through_any_engine_of_the_port(tmp_path: Path) -> None:
    """Legs become words in call time, with progress to 1; silence costs the engine nothing."""
    engine = Fixed()
    told: list[float] = []
    agent, caller = write(tmp_path / "a.wav", talk()), write(tmp_path / "c.wav", noise(6.0))
    done = transcribe(agent, caller, CallFacts(hangup_by="caller"), _give(engine), progress=told.append)
    assert (done.agent, done.caller) == (AudioState.OK, AudioState.SILENT)
    assert len(engine.asked) == 1
    assert engine.asked[0] == pytest.approx(16 * (5000 - 1000 + 400), rel=0.05)
    (word,) = done.transcript.agent.words
    assert word.text == "感谢您的来电再见"
    assert 900 <= word.t0 < word.t1 <= 5200
    assert done.transcript.engine == "fixed:none"
    assert told[-1] == pytest.approx(1.0)


def _give(engine: Engine) -> Callable[[], Engine]:
    return lambda: engine


@pytest.mark.parametrize("bad", ["broken", "empty", "missing"])
def test_a_bad_agent_leg_is_reviewed_not_failed(tmp_path: Path, bad: str) -> None:
    """With an unreadable leg the call still gets a sheet, with nothing failed for want of words."""
    agent = tmp_path / "a.wav"
    if bad == "broken":
        agent.write_bytes(b"RIFFxxxx")
    elif bad == "empty":
        write(agent, np.zeros(0, dtype=np.float32))
    caller = write(tmp_path / "c.wav", talk())
    done = transcribe(agent, caller, CallFacts(company="顺达速运", hangup_by="caller"), _give(Fixed()))
    assert not done.transcript.agent.usable
    sheet = score(done.transcript, load_presets())
    assert "fail" not in {v.outcome.value for v in sheet.verdicts}
    assert not sheet.fatal


def test_legs_of_different_length_make_timing_unknown(tmp_path: Path) -> None:
    """More than 2 % of drift between the legs: pauses prove nothing."""
    agent, caller = write(tmp_path / "a.wav", talk()), write(tmp_path / "c.wav", talk()[:40_000])
    done = transcribe(agent, caller, CallFacts(), _give(Fixed()))
    assert not done.transcript.facts.timing_trusted
    assert isinstance(done.transcript.agent, Leg)


def test_packs_keep_order_and_length() -> None:
    """Pieces are put together up to what the recogniser takes; where each begins is known."""
    speech = tuple(Stretch(i * 6000, i * 6000 + 3000, -20) for i in range(10))
    cut = pieces(speech, 60_000, 25.0)
    made = packs(cut, 25.0)
    assert [p for pack in made for p in pack.pieces] == list(cut)
    assert 1 < len(made) < len(cut)
    for pack in made:
        ends = [s + p.t1 - p.t0 for s, p in zip(pack.starts, pack.pieces, strict=True)]
        assert ends[-1] <= 25_000
        assert all(b - a == 300 for a, b in zip(ends, pack.starts[1:], strict=False))


class Counting(Fixed):
    """Hears one word a second of what it is given, or doubts everything where it is given much."""

    def __init__(self, *, doubts_packs: bool = False) -> None:
        super().__init__()
        self.doubts_packs = doubts_packs

    def recognise(self, samples: Samples) -> Heard:
        self.asked.append(len(samples))
        seconds = len(samples) / self.rate
        words = tuple(HeardWord("好好好", i + 0.3, i + 0.9, 0.9) for i in range(int(seconds)))
        whole = self.doubts_packs and seconds > 3
        return Heard("", words, "zh", ((0.0, seconds),) if whole else ())


def test_words_of_a_pack_come_back_to_their_own_time(tmp_path: Path) -> None:
    """Words read in a pack of two pieces lie in the speech they belong to."""
    engine = Counting()
    leg = load_leg(write(tmp_path / "a.wav", talk(second=6.0)))
    read = transcribe_leg(leg, engine)
    assert len(engine.asked) == 1
    assert len(read.words) == 3
    for word in read.words:
        assert any(s.t0 - 250 <= word.t0 <= word.t1 <= s.t1 + 250 for s in read.speech)


def test_a_doubtful_pack_is_read_again_piece_by_piece(tmp_path: Path) -> None:
    """What the engine doubts in a pack gets a try of its own before it counts as unheard."""
    engine = Counting(doubts_packs=True)
    read = transcribe_leg(load_leg(write(tmp_path / "a.wav", talk(second=6.0))), engine)
    assert len(engine.asked) > 1
    assert all(s.heard > 0 for s in read.speech)
