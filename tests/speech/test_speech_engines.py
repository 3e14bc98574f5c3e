"""The real recognisers on real sound: Vosk in Korean, Whisper in Mandarin, and the score that comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cti.__main__ import main
from cti.errors import Unavailable
from cti.quality.report import distance
from cti.quality.rules import load_presets
from cti.quality.score import score
from cti.quality.transcript import facts_of, from_json
from cti.speech.audio import load_leg
from cti.speech.transcribe import transcribe, transcribe_leg
from cti.speech.vosk_engine import VoskEngine, model_rate
from cti.speech.whisper_engine import WhisperEngine
from tests.plugins.speech import espeak

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "calls"
PROMPTS = ROOT / "ivr_flows" / "prompts" / "zh"

pytestmark = [pytest.mark.speech, pytest.mark.xdist_group("speech"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def whisper(whisper_base: Path) -> WhisperEngine:
    """Whisper base, loaded once."""
    return WhisperEngine(whisper_base, "whisper-base")


def test_vosk_reads_korean_speech(vosk_ko: Path, tmp_path: Path) -> None:
    """The whole Vosk path: 22 kHz speech, resampled, words in order with times and confidence."""
    leg = load_leg(espeak("안녕하세요. 오늘 날씨가 좋습니다.", "ko", tmp_path / "ko.wav", speed=130))
    assert model_rate(vosk_ko) == 16_000
    engine = VoskEngine(vosk_ko, "vosk-ko", language="ko")
    read = transcribe_leg(leg, engine, tag=True)
    assert sum("가" <= c <= "힣" for w in read.words for c in w.text) >= 6
    times = [(w.t0, w.t1) for w in read.words]
    assert times == sorted(times)
    assert all(0 <= a < b <= leg.duration_ms for a, b in times)
    assert all(0.0 <= w.confidence <= 1.0 for w in read.words)
    assert all(s.language is None for s in read.speech)  # a Vosk model cannot tell languages


def test_a_folder_without_a_model_is_unavailable(tmp_path: Path, whisper_base: Path) -> None:
    """Neither engine dies in C++ over a wrong folder: each says which folder it was."""
    with pytest.raises(Unavailable, match=tmp_path.name):
        VoskEngine(tmp_path, "none")
    with pytest.raises(Unavailable, match=tmp_path.name):
        WhisperEngine(tmp_path, "none")


@pytest.mark.skipif(not PROMPTS.is_dir(), reason="the prompts are not rendered")
def test_whisper_reads_an_own_prompt(whisper: WhisperEngine) -> None:
    """A prompt of this repository (synthetic voice) is read nearly word for word, by sound."""
    from cti.quality import sound

    leg = load_leg(PROMPTS / "welcome.wav")
    read = transcribe_leg(leg, whisper, tag=True)
    due = sound.normalise("您好，欢迎致电来电速运客户服务热线。")
    heard = sound.normalise("".join(w.text for w in read.words))
    wrong = distance([sound.readings(c)[:1] for c in due], [sound.readings(c)[:1] for c in heard])
    assert wrong <= len(due) // 3
    assert {s.language for s in read.speech} == {"zh"}
    assert all(s.heard == 1.0 for s in read.speech)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/calls is not on this machine")
@pytest.mark.parametrize("call", ["v04-silent-threat", "v10-outbound-delivery"])
def test_whisper_and_the_rules_judge_a_call(whisper: WhisperEngine, call: str) -> None:
    """From sound alone no listed verdict is wrong, at most one is left to a person, and pauses are right."""
    data = json.loads((SHARED / f"{call}.json").read_text(encoding="utf-8"))
    legs = [SHARED / f"{call}-{role}.wav" for role in ("agent", "caller")]
    done = transcribe(legs[0], legs[1], facts_of(data), lambda: whisper)
    sheet = score(done.transcript, load_presets())
    given = {v.rule: v.outcome.value for v in sheet.verdicts}
    wrong = {r: given[r] for r, want in data["expect"].items() if given[r] not in (want, "review")}
    assert not wrong
    assert sum(given[r] == "review" for r in data["expect"]) <= 1
    assert {f.rule for f in sheet.fatal} <= {f.rule for f in score(from_json(data), load_presets()).fatal}
    true = from_json(data).agent.speech
    assert done.transcript.agent.speech[-1].t1 == pytest.approx(true[-1].t1, abs=250)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/calls is not on this machine")
def test_the_command_scores_two_legs(
    whisper_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """laidian score on the legs prints the sheet, says the engine, keeps a transcript that scores alike."""
    base = SHARED / "v06-low-voice-rude"
    kept = tmp_path / "t.json"
    argv = [
        "score",
        "--agent",
        f"{base}-agent.wav",
        "--caller",
        f"{base}-caller.wav",
        "--meta",
        f"{base}.json",
    ]
    assert main([*argv, "--engine", "whisper", "--json", "--save", str(kept)]) == 0
    out = capsys.readouterr()
    sheet = json.loads(out.out)
    assert set(sheet) == {"score", "decided", "fatal", "verdicts", "engine", "rules_version"}
    assert sheet["engine"] == "whisper:whisper-base"
    assert "whisper" in out.err
    assert set(sheet["fatal"]) <= {"HFR-02", "HUP-01"}
    assert main(["score", "--transcript", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == sheet


def test_the_command_takes_bad_recordings(
    whisper_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken and an empty leg give a sheet without a fail and a note, not a crash; no engine is loaded."""
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "c.wav").write_bytes(b"")
    (tmp_path / "m.json").write_text('{"company": "顺达速运", "hangup_by": "caller"}', encoding="utf-8")
    argv = ["score", "--json"]
    for option, name in (("--agent", "a.wav"), ("--caller", "c.wav"), ("--meta", "m.json")):
        argv += [option, str(tmp_path / name)]
    assert main(argv) == 0
    out = capsys.readouterr()
    assert "broken" in out.err
    sheet = json.loads(out.out)
    assert sheet["engine"] == "none"
    assert "fail" not in {v["verdict"] for v in sheet["verdicts"]}
