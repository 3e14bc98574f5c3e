"""What the agent says in an outbound call, filled in: the five sentences of JG 5.4 (OUT-01 … OUT-05).

Of other calls than the delivery appointment the first two and the last are the same; what is between them is
ours. The QA rules of `cti/quality/presets/outbound.yaml` score the same sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cti.domain.outreach import TaskKind


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence and the rule that it is scored by; "" for one of ours."""

    rule: str
    text: str


_BETWEEN: Mapping[TaskKind, tuple[tuple[str, str], ...]] = {
    TaskKind.DELIVERY_CALL: (
        ("OUT-03", "您有一份快递到达我们这里"),
        ("OUT-04", "您看您什么时候有时间收货，我们给您安排派送"),
    ),
    TaskKind.VISIT_CALL: (("", "想了解一下您近期的发货情况，对我们的服务有什么意见和要求"),),
    TaskKind.RECEIPT_CALL: (("", "昨天有一份快递为您送达，想向您核实一下收货情况"),),
    TaskKind.COMPLAINT_RESULT: (("", "您反映的问题已经有处理结果，向您回复：{detail}"),),
    TaskKind.SURVEY_FOLLOWUP: (("", "您对我们上次的服务不太满意，非常抱歉，想请您说说是什么原因"),),
    TaskKind.SURVEY_RESULT: (("", "您上次提的意见我们已经改进，向您回复：{detail}"),),
    TaskKind.GREETING: (("", "{detail}"),),
    TaskKind.RETENTION: (("", "有一段时间没有收到您的快件，如果是我们服务不周，向您致歉，想请您说说原因"),),
    TaskKind.NOTICE: (("", "{detail}"),),
}


def script(kind: TaskKind, *, name: str, title: str, company: str, detail: str = "") -> tuple[Line, ...]:
    """The sentences in their order; a name or title that is not known is asked for as the source does."""
    who = f"{name}{title or '先生/女士'}" if name else "先生/女士"
    # replaced, not formatted: a detail may hold braces, it came from people
    between = (Line(rule, text.replace("{detail}", detail)) for rule, text in _BETWEEN.get(kind, ()))
    return (
        Line("OUT-01", f"您好，请问您是{who}吗？"),
        Line("OUT-02", f"打扰您了，我是{company}"),
        *between,
        Line("OUT-05", "好的，打扰您了，谢谢。"),
    )
