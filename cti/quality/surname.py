"""The caller's surname: from the confirmed record, or from 我姓王 / 我叫张伟 / 免贵姓李."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cti.quality import sound
from cti.quality.matcher import Track
from cti.quality.transcript import Transcript

# the commonest surnames, most frequent first: a sound is written with the first that has it
_COMMON = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆"
    "范汪廖石金韦贾夏付傅方邹熊白孟秦邱侯江尹薛闫阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文施洪殷辛齐"
    "温牛季鲁葛岳尤俞庞樊兰聂章纪舒屈项祝詹左焦柳路耿凌裴翁霍翟柯阮盛符纵苗牟欧甘卓关米骆"
)
_DOUBLE = ("欧阳", "司马", "上官", "诸葛", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯")
_SAID = re.compile(r"(?:我姓|免贵姓|敝姓|我叫)(\w)")
# what follows 我叫 when nobody gives a name: 我叫你…, 我叫了…
_NOT_A_NAME = frozenset("你您他她它们了过的不什车人快客个一名啥")
_SURNAME_WORD = ("xing", "xin")
_BEFORE = frozenset("我贵桂跪")


@dataclass(frozen=True, slots=True)
class Surname:
    """A surname, known from `known_at` (ms) on; `certain` False where it only sounded like one."""

    text: str
    known_at: int
    certain: bool
    source: str  # "record" or "caller"


def family_name(name: str) -> str:
    """The surname in a full name: two characters where it is a double one."""
    return name[:2] if name[:2] in _DOUBLE else name[:1]


def surname_of(transcript: Transcript, caller: Track) -> Surname | None:
    """The caller's surname and when it was known; None where it never was."""
    if transcript.facts.customer:
        return Surname(family_name(transcript.facts.customer), 0, True, "record")
    for match in _SAID.finditer(caller.chars):
        char, at = match[1], match.start(1)
        double = caller.chars[at : at + 2]
        if double in _DOUBLE:
            return Surname(double, int(caller.end[at + 1]), True, "caller")
        found = char if char in _COMMON else _by_sound(char)
        by_call = match[0].startswith("我叫")
        if char in _NOT_A_NAME or (by_call and (found is None or (transcript.exact and char not in _COMMON))):
            continue
        # 我姓 names a surname whatever follows; a rare one is kept as it was written
        return Surname(found or char, int(caller.end[at]), transcript.exact or char in _COMMON, "caller")
    return None if transcript.exact else _sounding(caller)


def _sounding(caller: Track) -> Surname | None:
    """我信照 for 我姓赵, 免贵信流 for 免贵姓刘: a sound like 姓, and a sound like a surname after it."""
    ids = sound.inventory().ids
    word = {ids[s] for s in _SURNAME_WORD}
    for i in range(len(caller.chars) - 2):
        if caller.chars[i] not in _BEFORE or not word & set(sound.readings(caller.chars[i + 1])):
            continue
        found = _by_sound(caller.chars[i + 2])
        if found is not None:
            return Surname(found, int(caller.end[i + 2]), False, "caller")
    return None


def guesses(caller: Track) -> list[Surname]:
    """我献赵, 我想问 …: what may have been 我姓X, worth something only if the agent then says that name."""
    known = sound.inventory()
    initial = {i for i, name in enumerate(known.names) if sound.split(name)[0] in ("x", "sh", "s")}
    out = []
    for i in range(len(caller.chars) - 2):
        if caller.chars[i] in _BEFORE and initial & set(sound.readings(caller.chars[i + 1])):
            found = _by_sound(caller.chars[i + 2])
            if found is not None:
                out.append(Surname(found, int(caller.end[i + 2]), False, "caller"))
    return out


def _by_sound(char: str) -> str | None:
    """The commonest surname that sounds like a character."""
    heard = set(sound.readings(char))
    for name in _COMMON:
        if heard & set(sound.best_readings(name)):
            return name
    return None
