"""The dice behind the synthetic data (合成数据): one made-up customer, parcel, contact, order at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cti.domain.classification import INDUSTRIES, SERVICES
from cti.domain.phone import parse
from cti.domain.problem import LABELS, Shift
from cti.domain.waybill import WaybillState, event_words
from cti.store import synthetic_words as words
from cti.store.repos.customers import Given
from cti.store.repos.waybills import GivenWaybill

SOURCE = "synthetic"
NOTE = "合成数据"
_CHINA = ZoneInfo("Asia/Shanghai")
_BLOCKS = ("138", "139", "137", "136", "135", "150", "186", "189")
# monthly contribution in 元 and its share: every sf tier has some
_LEVELS = ((100_000, 400_000, 3), (10_000, 99_000, 9), (2_000, 9_900, 22), (300, 1_990, 36), (10, 290, 30))


class Maker:
    """Throws the dice; every call of the same seed in the same order gives the same."""

    def __init__(self, dice: random.Random, now: datetime) -> None:
        self._dice = dice
        self._now = now.astimezone(UTC)

    def customer(self, i: int) -> Given:
        low, high, _ = self._dice.choices(_LEVELS, [share for *_, share in _LEVELS])[0]
        revenue = round(self._dice.uniform(low, high), 2)
        firm = self._dice.random() < (0.85 if revenue >= 10_000 else 0.35)
        city, area, districts = self._dice.choice(words.CITIES)
        district = self._dice.choice(districts)
        address = f"{city}市{district}{self._dice.choice(words.ROADS)}{self._dice.randrange(1, 400)}号"
        values: dict[str, Any] = {
            "code": f"HC{i + 1:05d}",
            "kind": "company" if firm else "person",
            "address": address,
            "note": NOTE,
            "points": int(revenue // 10),
            "cooperation_years": self._dice.randrange(1, 12),
            "spend_fen": int(revenue * 100) * self._dice.randrange(3, 30),
            "satisfaction": self._dice.choice((3, 4, 4, 4, 5, 5)),
        }
        if revenue >= 10_000:
            values["representative"] = f"100{self._dice.randrange(1, 7)}"
        if self._dice.random() < 0.08:
            values["arrears_fen"] = self._dice.randrange(5_000, 900_000)
            values["payment"] = "月结，有逾期"
        elif firm:
            values["payment"] = "月结"
        if self._dice.random() < 0.4:
            values["delivery_preference"] = self._dice.choice(words.TIMES)
        people, numbers = self._firm(values, city, area, i) if firm else self._person(values, area, i)
        values |= {"county": f"{city}{district}", "industry": self._dice.choice(INDUSTRIES)}
        values["services"] = "、".join(sorted(self._dice.sample(SERVICES[:4], 2), key=SERVICES.index))
        metrics: dict[str, Any] = {"monthly_revenue": revenue, "annual_revenue": round(revenue * 12, 2)}
        if firm:
            metrics["is_contract"] = True
        return Given(values, metrics, people, numbers)

    def _firm(self, values: dict[str, Any], city: str, area: str, i: int) -> Any:
        business, suffix, goods, handling = self._dice.choice(words.TRADES)
        brand = self._dice.choice(words.BRANDS)
        values |= {"name": f"{city}{brand}{suffix}", "business": business, "cargo": goods}
        if handling:
            values["special_handling"] = handling
        other = self._dice.choice(words.CITIES)[0]
        values["routes"] = f"{city}→{other}"
        people: list[dict[str, Any]] = []
        numbers = [_number(self._landline(area, i), "电话", "")]
        for j in range(self._dice.choice((1, 1, 2))):
            name, title = self._name()
            if name in {p["name"] for p in people}:
                continue
            role, age = self._dice.choice(words.ROLES), self._dice.randrange(24, 55)
            hobby = self._dice.choice(words.HOBBIES)
            people.append({"name": name, "title": title, "role": role, "age": age, "hobbies": hobby})
            numbers.insert(0, _number(self._mobile(2 * i + j), "联系人", name))
        return people, numbers

    def _person(self, values: dict[str, Any], area: str, i: int) -> Any:
        name, title = self._name()
        values |= {"name": name, "title": title, "occupation": self._dice.choice(words.JOBS)}
        values["hobbies"] = self._dice.choice(words.HOBBIES)
        today = self._now.date()
        if self._dice.random() < 0.04:
            born = today + timedelta(days=self._dice.randrange(0, 5))
        else:
            born = date(2000, 1, 1) + timedelta(days=self._dice.randrange(366))
        year = self._dice.randrange(1955, 2004)
        values["birthday"] = date(year, born.month, min(born.day, 28))
        numbers = [_number(self._mobile(2 * i), "移动电话", "")]
        if self._dice.random() < 0.2:
            numbers.append(_number(self._landline(area, i), "固定电话", ""))
        return [], numbers

    def _name(self) -> tuple[str, str]:
        given = "".join(self._dice.sample(words.GIVEN, self._dice.choice((1, 2, 2))))
        return self._dice.choice(words.SURNAMES) + given, self._dice.choice(("先生", "女士"))

    def _mobile(self, i: int) -> str:
        return f"{_BLOCKS[i // 10_000 % len(_BLOCKS)]}0000{i % 10_000:04d}"

    def _landline(self, area: str, i: int) -> str:
        return f"{area}-1{i:07d}"  # no subscriber's number begins with 1

    def share(self, given: Sequence[Given]) -> list[str]:
        """Some numbers belong to two customers: a firm's desk that both a person and the firm use."""
        shared = []
        for one, two in zip(given[5::60], given[35::60], strict=False):
            number = dict(one.numbers[0])
            two.numbers = [*two.numbers, {**number, "contact": "", "label": "电话"}]
            shared.append(str(number["display"]))
        return shared

    def waybills(self, given: Given, everyone: Sequence[Given]) -> list[GivenWaybill]:
        """Their last parcels, in every state; about one in eight waits for something."""
        return [self._parcel(given, everyone) for _ in range(self._dice.choice((0, 1, 2, 3, 5, 7)))]

    def _parcel(self, given: Given, everyone: Sequence[Given]) -> GivenWaybill:
        other = self._dice.choice(everyone)
        late = self._dice.choice((1.0, 1.0, 1.0, 1.6, 2.4))
        # one in seven is with the courier right now: those are what most callers ask about
        due = self._dice.random() < 0.15
        age_h = self._dice.uniform(40.2, 42.8) * late if due else self._dice.uniform(3, 24 * 9)
        start = self._now - timedelta(hours=age_h)
        start = start.replace(microsecond=0)
        here, there = given.values["address"][:2], other.values["address"][:2]
        problem = (
            self._dice.choice(words.PROBLEMS)
            if age_h > 40 and not due and self._dice.random() < 0.13
            else None
        )
        steps = self._steps(start, here, there, other, late)
        steps = [s for s in steps if s["at"] <= self._now]
        if problem:
            steps = [s for s in steps if s["state"] not in ("signed", "delivering")]
            at = min(self._now, steps[-1]["at"] + timedelta(hours=5))
            site = f"{there}{other.values['address'][3:5]}网点"
            steps.append({"at": at, "state": "problem", "place": site, "text": problem[1]})
        last = steps[-1]
        values: dict[str, Any] = {
            "number": f"HC{self._dice.randrange(10**11, 10**12)}",
            "sender_name": given.contacts[0]["name"] if given.contacts else given.values["name"],
            "sender_key": given.numbers[0]["key"],
            "sender_display": given.numbers[0]["display"],
            "receiver_name": other.contacts[0]["name"] if other.contacts else other.values["name"],
            "receiver_key": other.numbers[0]["key"],
            "receiver_display": other.numbers[0]["display"],
            "receiver_address": other.values["address"],
            "origin": here,
            "destination": there,
            "goods": given.values.get("cargo", "日用品"),
            "pieces": self._dice.choice((1, 1, 1, 2, 3)),
            "weight_g": self._dice.randrange(200, 30_000),
            "freight_fen": self._dice.randrange(800, 20_000),
            "accepted_at": start,
            "promised_at": start + timedelta(hours=72),
            "state": last["state"],
            "last_event": event_words(last),
            "updated_at": last["at"],
            "site": f"{there}{other.values['address'][3:5]}网点",
        }
        if problem:
            values |= {"problem_kind": problem[0], "problem": problem[1], "problem_at": last["at"]}
        if last["state"] == "signed":
            values |= {"delivered_at": last["at"], "signed_by": values["receiver_name"]}
        return GivenWaybill(values, steps, given.values["code"], other.values["code"])

    def _steps(
        self, start: datetime, here: str, there: str, other: Given, late: float
    ) -> list[dict[str, Any]]:
        site = f"{there}{other.values['address'][3:5]}网点"
        plan = (
            (0.0, WaybillState.COLLECTED, f"{here}网点", "已收件"),
            (6.0, WaybillState.IN_TRANSIT, f"{here}转运中心", f"已发往{there}"),
            (26.0, WaybillState.IN_TRANSIT, f"{there}转运中心", "已到达转运中心"),
            (36.0, WaybillState.ARRIVED, site, "已到达派送网点"),
            (40.0, WaybillState.DELIVERING, site, "正在派送，请保持电话畅通"),
            (43.0, WaybillState.SIGNED, site, "已签收，感谢使用"),
        )
        return [
            {"at": start + timedelta(hours=h * late), "state": s.value, "place": p, "text": t}
            for h, s, p, t in plan
        ]

    def contacts(self, given: Given, customer_id: int) -> list[dict[str, Any]]:
        """What was said before, on every channel."""
        rows = []
        for _ in range(self._dice.choice((0, 1, 2, 3, 4, 6))):
            disposition, summary = self._dice.choice(words.CALLS)
            channel = self._dice.choices(("call", "ivr", "sms", "app", "visit"), (6, 2, 1, 2, 1))[0]
            at = self._now - timedelta(days=self._dice.uniform(0.2, 90))
            rows.append(
                {
                    "customer_id": customer_id,
                    "number_key": given.numbers[0]["key"],
                    "number_display": given.numbers[0]["display"],
                    "at": at,
                    "channel": channel,
                    "direction": "outbound" if channel in ("sms", "visit") else "inbound",
                    "agent": f"100{self._dice.randrange(1, 7)}" if channel in ("call", "visit") else "",
                    "summary": summary,
                    "disposition": disposition,
                    "ivr": {},
                    "talk_s": round(self._dice.uniform(20, 400), 1) if channel == "call" else None,
                    "source": SOURCE,
                }
            )
        return rows

    def orders(self, given: Given, customer_id: int) -> list[dict[str, Any]]:
        """Regular orders; some regulars have fallen silent, which the churn alert is to notice."""
        revenue = given.metrics["monthly_revenue"]
        cycle = 1.0 if revenue >= 10_000 else 4.0 if revenue >= 2_000 else 12.0 if revenue >= 300 else 40.0
        at = self._now - timedelta(days=self._dice.uniform(0, 1.2) * cycle)
        if self._dice.random() < 0.07:
            at -= timedelta(days=cycle * 4)
        pieces, home = self._dice.randrange(2, 20), given.values["address"].partition("市")[0]
        rows: list[dict[str, Any]] = []
        while len(rows) < 12 or at > self._now - timedelta(days=180):
            # what lies further back than a month is kept as weekly sums
            span = cycle if len(rows) < 12 or at > self._now - timedelta(days=32) else max(cycle, 7.0)
            part = span / cycle * self._dice.uniform(0.7, 1.3)
            amount = int(revenue * 100 * cycle / 30 * part)
            rows.append(
                {
                    "number": f"DD{given.values['code']}{len(rows):03d}",
                    "customer_id": customer_id,
                    "at": at,
                    "pieces": max(1, round(pieces * part)),
                    "amount_fen": amount,
                    "paid_fen": amount,
                    "region": home,
                    "source": SOURCE,
                }
            )
            at -= timedelta(days=span * self._dice.uniform(0.7, 1.3))
        return rows

    def complaint(self) -> tuple[str, str, datetime, list[str]]:
        category = self._dice.choice(tuple(words.COMPLAINTS))
        actions = self._dice.choice(([], ["take"], ["take", "resolve"], ["take", "resolve", "tell", "close"]))
        # most of what is not over is still in time: a board of red cards alone would be unbelievable
        at = self._now - timedelta(hours=self._dice.uniform(1, 200 if "close" in actions else 30))
        return category, self._dice.choice(words.COMPLAINTS[category]), at, list(actions)

    def chosen(self, given: Sequence[Given]) -> list[Given]:
        return self._dice.sample(list(given), max(1, len(given) // 9))

    def agent(self) -> str:
        return f"100{self._dice.randrange(1, 7)}"

    def cause(self) -> str:
        return self._dice.choice(words.CAUSES)

    def problem_items(self, parcels: Sequence[GivenWaybill]) -> list[dict[str, Any]]:
        """Registrations for some of the parcels that wait for something; one in four came late."""
        made = []
        for parcel in [p for p in parcels if p.values.get("problem")][:12]:
            values = parcel.values
            kind = next(k for k, label in LABELS.items() if label == values["problem_kind"])
            arose = self._now - timedelta(hours=self._dice.uniform(0.1, 6))
            told = arose + timedelta(minutes=self._dice.choice((5, 10, 20, 300)))
            local = arose.astimezone(_CHINA)
            who = self._dice.choice(words.SURNAMES) + self._dice.choice(("先生", "女士"))
            phone = self._mobile(self._dice.randrange(600))
            remark = f"{local.month}月{local.day}日{local.hour}点 {who} {values['problem']} {phone}"
            made.append(
                {
                    "kind": kind,
                    "shift": self._dice.choice(tuple(Shift)),
                    "remark": remark,
                    "arose_at": local,
                    "at": min(told, self._now),
                    "who": self.agent(),
                    "waybill": values["number"],
                    "site": values["site"],
                }
            )
        return made

    def department(self) -> str:
        return self._dice.choice(words.DEPARTMENTS)


def _number(text: str, label: str, contact: str) -> dict[str, Any]:
    number = parse(text)
    return {
        "key": number.key,
        "suffix": number.suffix,
        "display": number.national,
        "label": label,
        "extension": "",
        "contact": contact,
    }
