"""The remark of a problem item (问题件备注): the four things it must hold (JG 5.5.5, domain.md §6).

产生时间, 联系人, 事情 and 联系电话 are found by rules on the text; a remark that is nothing but one of the
phrases that tell nobody anything (派送中, 待查 …) is void. Every rule looks at what the rules before it have
left: telephone numbers first, then times, then people; what is still there is the matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cti.domain.phone import NumberClass, parse

MAX_REMARK = 500
TIME, CONTACT, MATTER, PHONE = ELEMENTS = ("产生时间", "联系人", "事情", "联系电话")
VOID = (
    "加班派",
    "派送中",
    "正在派送",
    "查询中",
    "还未交单",
    "查车",
    "扣车",
    "待查",
    "车坏",
    "等联系送",
    "下大雨",
    "线车晚点",
)


@dataclass(frozen=True, slots=True)
class RemarkCheck:
    """What a remark lacks, in the order of the source; a void one lacks everything."""

    missing: tuple[str, ...]
    void: bool

    @property
    def valid(self) -> bool:
        """Whether the remark may be registered (规范)."""
        return not self.missing and not self.void


def check(remark: str) -> RemarkCheck:
    """Look for the four elements. Never raises; characters after the first 500 are not read."""
    text = _plain(remark[:MAX_REMARK])
    if not _without(_SEPARATORS.sub("", text), VOID):
        return RemarkCheck(ELEMENTS, void=bool(_SEPARATORS.sub("", text)))
    text, phone = _take_phones(text)
    text, time = _take(_TIMES, text)
    text, contact = _take_people(text)
    found = {TIME: time, CONTACT: contact, MATTER: _is_matter(text), PHONE: phone}
    return RemarkCheck(tuple(e for e in ELEMENTS if not found[e]), void=False)


# full-width digits, letters and signs as people's input methods write them
_HALF_WIDTH = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
_SEPARATORS = re.compile(r"[\s,.;:!?、。·~\-—_()\[\]/|\"'“”‘’…]+")
_NUMBER = r"[零〇一二两三四五六七八九十百\d]"
_TIMES = re.compile(
    r"(?:\d{4}\s*[-年/.]\s*)?\d{1,2}\s*[-月/.]\s*\d{1,2}\s*[日号]?(?=\D|$)"  # 3月9日, 2025-03-09, 3/9
    r"|(?<!\d)(?:[01]?\d|2[0-4])\s*:\s*[0-5]\d(?::[0-5]\d)?(?!\d)"  # 11:20
    rf"|{_NUMBER}{{1,3}}\s*[点时](?:\s*(?:半|整|{_NUMBER}{{1,3}}\s*[分刻]?))?(?!间)"  # 十点半, 9时20分
    rf"|{_NUMBER}{{1,3}}\s*[日号](?!码|楼|门|院|线|店|库)"
    r"|(?:今|昨|前|当|明)[天日晚早晨]|(?:周|星期|礼拜)[一二三四五六日天]"
    r"|凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|刚才|刚刚"
)
_DIGITS = re.compile(r"(?<![\dA-Za-z])\+?\d[\d\s\-*]{5,18}\d(?![\dA-Za-z])")
_EXTENSION = re.compile(r"^\s*(?:转|分机|ext)\s*\d{1,6}")
_MASKED = re.compile(r"^1[3-9]\d\*{4}\d{4}$")
_LOCAL = re.compile(r"^[2-8]\d{6,7}$")  # a landline as written within its town, without the area code

_COMPOUND = "欧阳|司马|上官|诸葛|夏侯|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|长孙|宇文"
_SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛"
    "邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷曲盛翁冉骆蓝"
    "路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿"
)
_SURNAME = rf"(?:{_COMPOUND}|[{_SINGLE}])"
_TITLES = (
    "先生|女士|小姐|太太|夫人|同志|老师|师傅|经理|主任|主管|老板|总监|店长|组长|队长|处长|科长|局长|院长|校长|医生|护士"
    "|律师|会计|秘书|助理|工程师|阿姨|大姐|大哥|大爷|大妈|叔叔|哥|姐|总"
)
_ROLES = (
    "收件人|收货人|寄件人|发件人|发货人|联系人|客户|顾客|本人|家人|家属|同事|前台|门卫|保安|物业"
    "|邻居|店员|站长"
)
_PEOPLE = re.compile(
    rf"(?:{_ROLES}|找)\s*[:是为]?\s*{_SURNAME}[\u4e00-\u9fff]{{0,2}}?(?:{_TITLES})"
    rf"|{_SURNAME}[\u4e00-\u9fff]{{0,2}}?(?:{_TITLES})"
    rf"|(?:{_ROLES})\s*[:是为]\s*[\u4e00-\u9fff]{{2,4}}"
    rf"|(?:{_ROLES})\s*{_SURNAME}[\u4e00-\u9fff]{{1,2}}(?=[\s,.;:、。]|$)"
    rf"|(?:{_ROLES})"
)
_BARE = re.compile(rf"(?:^|[\s,.;:、。])({_SURNAME}[\u4e00-\u9fff]{{1,2}})(?=[\s,.;:、。]|$)")
# words that look like a surname with a given name
_NOT_NAMES = re.compile(
    "马上|马路|方便|方向|高速|高温|高空|高楼|周边|周末|安排|安全|安检|何时|于是|"
    "向前|常见|常温|金额|石头|白天|毛病|万一|施工|严重|雷雨|雷电|钱款|温度|成功|"
    "成品|包装|包裹|包破|包坏|单号|单位|解决|时间|车辆|车祸|路面|路障|路况|管制|"
    "连续|项目|江边|江西|江苏|武汉|宁波|成都|贵州|关门|关机|房屋|房间|文件|华为|"
    "费用|易碎|易坏|左右|游客|水果|尚未|曾经|任何|任务|程序|丁字路|付款|符合|米面|"
    "农村|古董|麦当劳|麦子|汤水|漏汤|柴油|蓝色|白色|黄色|金属|金色|牛奶|龙虾|谷物|"
    "梅雨|季节|冷冻|冷链|冷藏|凌乱|单子|党校|宫格|申请|申报|盛装|康复|施压|童装|"
    "章不对|章程|常规|贺卡|贺礼|顾虑|邮件"
)
_FILLERS = (
    "联系电话|联系方式|电话号码|手机号码|手机号|联系|电话|手机|号码|请致电|致电|座机|固话|备注|产生时间|时间|事情|原因|情况"
    "|已经|已|于|在|的|了|请|并|是|为|说|称|告知|表示|来电|去电"
)


def _plain(text: str) -> str:
    return " ".join(text.translate(_HALF_WIDTH).split())


def _without(text: str, phrases: Iterable[str]) -> str:
    for phrase in sorted(phrases, key=len, reverse=True):
        text = text.replace(phrase, "")
    return text


def _take_phones(text: str) -> tuple[str, bool]:
    """The text without its telephone numbers; waybill numbers and dates are not mistaken for one."""
    found = False
    at = 0
    while match := _DIGITS.search(text, at):
        if _is_phone(match[0]):
            rest = text[match.end() :]
            extension = _EXTENSION.match(rest)
            text = f"{text[: match.start()]} , {rest[extension.end() if extension else 0 :]}"
            at, found = match.start(), True
        else:
            at = match.end()
    return text, found


def _is_phone(written: str) -> bool:
    compact = re.sub(r"[\s\-]", "", written)
    if _MASKED.match(compact) or _LOCAL.match(compact):
        return not re.match(r"^\s*20\d\d-\d", written)
    return parse(compact).cls in (NumberClass.MOBILE, NumberClass.FIXED, NumberClass.SERVICE)


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, bool]:
    left, count = pattern.subn(" , ", text)
    return left, count > 0


def _take_people(text: str) -> tuple[str, bool]:
    left, found = _take(_PEOPLE, text)

    def bare(match: re.Match[str]) -> str:
        return match[0] if _NOT_NAMES.fullmatch(match[1]) or match[1] in VOID else " , "

    without = _BARE.sub(bare, left)
    return without, found or without != left


def _is_matter(left: str) -> bool:
    """Whether at least two Chinese characters say what has happened, beyond fillers and void phrases."""
    said = re.sub(_FILLERS, "", _without(left, VOID))
    return len(re.findall(r"[\u4e00-\u9fff]", said)) >= 2
