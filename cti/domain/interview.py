"""What is asked in our calls (domain.md §7): questions of the receipt call, six aspects of satisfaction.

Pure. The questions are those of the source (收货回访: received? when? condition? signed?), the choices ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cti.domain.outreach import TaskKind

LOW = 2  # a score up to this is followed up (系统默认，待确认)
BEST = 5


@dataclass(frozen=True, slots=True)
class Question:
    """One question; without `choices` the answer is free words. `after`: asked only after these answers."""

    id: str
    text: str
    choices: Mapping[str, str]
    must: bool = True
    after: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an answer calls for: a complaint of this category, or a problem item of this kind."""

    text: str
    category: str
    problem: str


RECEIPT = (
    Question("received", "请问您的快件收到了吗？", {"yes": "已收到", "no": "没有收到"}),
    Question(
        "when",
        "请问是什么时候收到的？",
        {"on_time": "按约定时间", "late": "晚于约定时间", "unknown": "记不清"},
        after=("received", "yes"),
    ),
    Question(
        "condition",
        "请问外包装和货物是否完好？",
        {"good": "完好", "damaged": "有破损", "missing": "有缺少"},
        after=("received", "yes"),
    ),
    Question(
        "signed",
        "请问是您本人签收的吗？",
        {
            "self": "本人签收",
            "agreed": "他人代签，客户同意",
            "other": "他人代签，客户不知情",
            "nobody": "没有签收",
        },
        after=("received", "yes"),
    ),
    Question("words", "您对我们的服务还有什么意见或建议？", {}, must=False),
)
QUESTIONS: Mapping[TaskKind, tuple[Question, ...]] = {TaskKind.RECEIPT_CALL: RECEIPT}

_TROUBLES: Mapping[tuple[str, str], Trouble] = {
    ("received", "no"): Trouble("显示已签收，但收件人没有收到", "遗失", "damage"),
    ("when", "late"): Trouble("晚于约定时间送达", "延误", "delivery"),
    ("condition", "damaged"): Trouble("货物或外包装破损", "破损", "damage"),
    ("condition", "missing"): Trouble("货物有缺少", "遗失", "damage"),
    ("signed", "other"): Trouble("他人代签，收件人不知情", "服务态度", "delivery"),
    ("signed", "nobody"): Trouble("没有人签收", "服务态度", "delivery"),
}

# domain.md §7, in its order
ASPECTS: Mapping[str, str] = {
    "order": "订单处理",
    "punctuality": "准时送达",
    "intact": "货物完好",
    "information": "信息沟通",
    "response": "响应速度",
    "solving": "问题解决",
}


def asked(questions: tuple[Question, ...], answers: Mapping[str, str]) -> tuple[Question, ...]:
    """Those that apply after the answers so far."""
    return tuple(q for q in questions if q.after is None or answers.get(q.after[0]) == q.after[1])


def unanswered(kind: TaskKind, answers: Mapping[str, str]) -> tuple[str, ...]:
    """Questions of this kind of call that must have an answer and have none."""
    return tuple(q.id for q in asked(QUESTIONS.get(kind, ()), answers) if q.must and not answers.get(q.id))


def unknown(kind: TaskKind, answers: Mapping[str, str]) -> tuple[str, ...]:
    """Answers that are no answers: to another call's question, or none of the choices."""
    known = {q.id: q for q in QUESTIONS.get(kind, ())}
    return tuple(
        name
        for name, said in answers.items()
        if name not in known or (known[name].choices and said and said not in known[name].choices)
    )


def troubles(kind: TaskKind, answers: Mapping[str, str]) -> tuple[Trouble, ...]:
    """What went wrong, by the answers that apply."""
    pairs = ((q.id, answers.get(q.id, "")) for q in asked(QUESTIONS.get(kind, ()), answers))
    return tuple(_TROUBLES[pair] for pair in pairs if pair in _TROUBLES)


def low_aspects(scores: Mapping[str, int], least: int = LOW) -> tuple[str, ...]:
    """Aspects that were scored so low that they are followed up, in the order of the source."""
    return tuple(a for a in ASPECTS if a in scores and scores[a] <= least)
