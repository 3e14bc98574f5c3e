"""numbers.md row by row: every case of the table is a test that names it."""

from __future__ import annotations

import json
import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cti.__main__ import main
from cti.domain.phone import NumberClass, Plan, key_of, parse, suffix_of

MOBILE = "mobile:13800138000"
FIXED = "fixed:0755-86013388"


def _case(text: str) -> tuple[str, str | None, str | None]:
    number = parse(text)
    return number.cls.value, number.key, number.extension


@pytest.mark.parametrize(
    "text",
    [
        "13800138000",
        "013800138000",
        "+8613800138000",
        "8613800138000",
        "008613800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "(+86)138-0013-8000",
        "１３８００１３８０００",
        "\u202d13800138000\u202c",
        "tel:+8613800138000",
        "sip:13800138000@10.0.0.1",
    ],
)
def test_row_mobile(text: str) -> None:
    """A mobile is the same number with trunk 0, +86, 86, 0086, spaces, dashes or in full width."""
    assert _case(text) == ("mobile", MOBILE, None)


@pytest.mark.parametrize("second", "3456789")
def test_row_mobile_is_not_gated_on_a_validity_table(second: str) -> None:
    """Every block 1[3-9] is a mobile, also those that a table of ranges omits."""
    assert parse(f"1{second}400138000").key == f"mobile:1{second}400138000"


@pytest.mark.parametrize("text", ["1380013800", "138001380001", "12800138000", "10800138000"])
def test_row_mobile_has_eleven_digits(text: str) -> None:
    """One digit less or more, or a second digit below 3, is no mobile."""
    assert _case(text)[:2] == ("invalid", None)


def test_row_bare_86_is_stripped_only_before_a_full_number() -> None:
    """86013388 is a local number; 86 before a whole mobile or landline is the country code."""
    assert parse("86013388").key == FIXED
    assert parse("8613800138000").key == MOBILE
    assert parse("86075586013388").key == FIXED
    assert parse("8675586013388").key == FIXED
    assert parse("861086013388").key == "fixed:010-86013388"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("075586013388", FIXED),
        ("0755-86013388", FIXED),
        ("(0755)86013388", FIXED),
        ("0755 8601 3388", FIXED),
        ("0086075586013388", FIXED),
        ("008675586013388", FIXED),
        ("+8675586013388", FIXED),
        ("+86 (0)755 86013388", FIXED),
        ("010-86013388", "fixed:010-86013388"),
        ("+861086013388", "fixed:010-86013388"),
        ("+861062345678", "fixed:010-62345678"),
        ("861062345678", "fixed:010-62345678"),
        ("02086013388", "fixed:020-86013388"),
        ("0335-6666666", "fixed:0335-6666666"),
    ],
)
def test_row_landline(text: str, key: str) -> None:
    """Area code and 7–8 digits, also where 0086 and the trunk 0 come together."""
    assert _case(text) == ("fixed", key, None)


def test_row_landline_local_digits_need_the_home_area_code() -> None:
    """Local-only digits get the trunk's area code, and are nothing where there is none."""
    assert parse("86013388", Plan(home_area="020")).key == "fixed:020-86013388"
    assert parse("86013388", Plan(home_area="")).cls is NumberClass.INVALID


@pytest.mark.parametrize("text", ["0335-6666", "0755-860133", "0755-860133889", "0100-1234567"])
def test_row_landline_of_another_length_is_none(text: str) -> None:
    """Too few or too many digits after the area code are not padded and not cut."""
    assert _case(text)[:2] == ("invalid", None)


@pytest.mark.parametrize(
    "text",
    [
        "0755-86013388-8001",
        "075586013388-8001",
        "0755-8601-3388-8001",
        "0755-86013388,8001",
        "0755-86013388，8001",
        "0755-86013388;ext=8001",
        "0755-86013388;8001",
        "0755-86013388x8001",
        "0755-86013388#8001",
        "0755-86013388转8001",
        "0755-86013388 转 8001",
        "0755-86013388分机8001",
        "0755-86013388 ext. 8001",
        "86013388-8001",
        "tel:+86-755-86013388;ext=8001",
    ],
)
def test_row_extension(text: str) -> None:
    """The extension is split off before anything else and kept apart, whatever parts it."""
    assert _case(text) == ("fixed", FIXED, "8001")


def test_row_extension_of_a_mobile() -> None:
    """A mobile may carry an extension too; the dashes of a grouped mobile are none."""
    assert _case("13800138000-22") == ("mobile", MOBILE, "22")
    assert _case("13800138000#") == ("mobile", MOBILE, None)


@pytest.mark.parametrize("text", ["转8001", "x", "#", "0755-86013388转前台", "0755-86013388x123456789"])
def test_row_extension_that_is_none(text: str) -> None:
    """A mark without a number before it, or without digits behind it, is no number at all."""
    assert _case(text)[:2] == ("invalid", None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("17951013800138000", MOBILE),
        ("1795113800138000", MOBILE),
        ("12593013800138000", MOBILE),
        ("1259313800138000", MOBILE),
        ("17909075586013388", FIXED),
        ("17951" + "86013388", FIXED),
        ("+8617951013800138000", MOBILE),
    ],
)
def test_row_ip_prefix(text: str, key: str) -> None:
    """An IP prefix and one 0 behind it are stripped."""
    number = parse(text)
    assert number.key == key
    assert "ip_prefix" in number.rule


def test_row_ip_prefix_does_not_eat_a_mobile() -> None:
    """Eleven digits that begin with 179 are a mobile."""
    assert parse("17951234567").key == "mobile:17951234567"


@pytest.mark.parametrize(
    "text",
    [
        *("4008001234", "400-800-1234", "400 800 1234", "8008208820", "95338", "95040123", "96596", "962121"),
        *("12305", "12345", "110", "114", "119", "120", "122", "10086", "1008611", "11185", "12580"),
        *("075595338", "0755-95338", "075512305", "0755110", "+86 4008001234", "0086755" + "95338"),
    ],
)
def test_row_service(text: str) -> None:
    """A service number is never a customer and never padded, also behind an area code the trunk added."""
    assert _case(text) == ("service", None, None)


def test_row_service_leaves_subscribers_alone() -> None:
    """A landline that only begins like a service number stays one."""
    assert parse("0755-40012345").key == "fixed:0755-40012345"
    assert parse("0755-86095338").key == "fixed:0755-86095338"


@pytest.mark.parametrize("text", ["138****8000", "138**8000", "1380****", "138xxxx8000", "+86138****8000"])
def test_row_masked(text: str) -> None:
    """A masked number may not be looked up."""
    assert _case(text) == ("masked", None, None)


@pytest.mark.parametrize("text", ["*72", "13800138000*", "*#*#", "*", "138*"])
def test_star_is_rejected(text: str) -> None:
    """A star that masks nothing makes the text invalid."""
    assert _case(text)[:2] == ("invalid", None)


@pytest.mark.parametrize("text", ["138\r\n00138000", "\x0013800138000", "13800138000\x7f", "13800138000\n"])
def test_control_characters_are_rejected(text: str) -> None:
    """Control characters make the text invalid; nothing is guessed around them."""
    assert _case(text)[:2] == ("invalid", None)


@pytest.mark.parametrize(
    "text",
    ["anonymous", "Anonymous", "unknown", "restricted", "unavailable", "", "  ", "s", "0", "<unknown>", None],
)
def test_row_anonymous(text: str | None) -> None:
    """All names of "no number" are anonymous and have no key, so two of them are never the same person."""
    assert parse(text).cls is NumberClass.ANONYMOUS
    assert parse(text).key is None


@pytest.mark.parametrize(
    ("text", "virtual"),
    [
        ("17012345678", True),
        ("17112345678", True),
        ("16512345678", True),
        ("16712345678", True),
        ("13812345678", False),
        ("17212345678", False),
    ],
)
def test_row_virtual(text: str, virtual: bool) -> None:
    """Ranges of middle numbers stay mobile and carry the flag, because real subscribers hold them too."""
    number = parse(text)
    assert (number.cls.value, number.maybe_virtual) == ("mobile", virtual)
    assert number.key == f"mobile:{text}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("+85223456789", "intl:+85223456789"),
        ("0085223456789", "intl:+85223456789"),
        ("+852-2345-6789", "intl:+85223456789"),
        ("+853 2831 1234", "intl:+85328311234"),
        ("+886 2 2345 6789", "intl:+886223456789"),
        ("+1 (415) 555-2671", "intl:+14155552671"),
    ],
)
def test_row_foreign(text: str, key: str) -> None:
    """Hong Kong, Macao, Taiwan and foreign numbers are read only with + or 00."""
    assert _case(text) == ("intl", key, None)


@pytest.mark.parametrize(
    "text", ["85223456789", "+0852234567", "+123", "+1234567890123456", "00", "+", "+86"]
)
def test_row_foreign_needs_a_country_code(text: str) -> None:
    """Without + or 00, or with an impossible length, it is no foreign number."""
    assert parse(text).cls is not NumberClass.INTL


def test_row_suffix() -> None:
    """The last 8 digits join numbers of two cities; they are taken from the key."""
    assert suffix_of(FIXED) == suffix_of("fixed:020-86013388") == "86013388"
    assert parse("0755-86013388").suffix == "86013388"
    assert parse("anonymous").suffix == ""


@pytest.mark.parametrize("text", ["1001", "12", "800001", "8001", "0106"])
def test_internal_plan(text: str) -> None:
    """Two to six digits are internal, unless they are a service number; no look-up is made."""
    assert _case(text) == ("internal", None, None)


def test_internal_plan_is_a_setting() -> None:
    """A site with other extensions says so."""
    assert parse("1001", Plan(internal=re.compile(r"8\d{3}"))).cls is NumberClass.INVALID
    assert parse("8001", Plan(internal=re.compile(r"8\d{3}"))).cls is NumberClass.INTERNAL


@pytest.mark.parametrize("text", ["abc", "王先生", "13800138000abc", "١٣٨٠٠١٣٨٠٠٠", "12345678901", "1" * 65])
def test_what_is_no_number(text: str) -> None:
    """Letters, other scripts' digits and impossible lengths are invalid."""
    assert _case(text)[:2] == ("invalid", None)


_ALPHABET = string.digits * 4 + "+-()# *,;x转ext=.@:<>\r\n\x00１２" + "anonymous"


@given(st.text(alphabet=_ALPHABET, max_size=40) | st.text(max_size=80))
@example("0" * 64)
@example("\ud800")
def test_never_raises_and_keys_only_what_may_be_looked_up(text: str) -> None:
    """Any text has a class; only mobile, fixed and intl have a key; the input is kept."""
    number = parse(text)
    assert (number.key is not None) == (
        number.cls in (NumberClass.MOBILE, NumberClass.FIXED, NumberClass.INTL)
    )
    assert number.input == text[:64]
    assert number.display is not None
    assert number.masked is not None


@given(st.text(alphabet=_ALPHABET, max_size=40))
def test_key_is_idempotent(text: str) -> None:
    """What a key says, parsed again in any of its forms, has the same key."""
    number = parse(text)
    if number.key is not None:
        assert parse(number.national).key == number.key
        assert parse(number.display).key == number.key
        assert parse(number.display).extension == number.extension


@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "0", "+86", "86", "0086", "179510"]),
)
def test_every_way_to_write_a_mobile_is_one_key(digits: str, prefix: str) -> None:
    """Prefixes never change which mobile it is."""
    assert key_of(prefix + digits) == f"mobile:{digits}"


@given(
    st.sampled_from(["010", "020", "021", "0755", "0571", "0335"]),
    st.from_regex(r"[2-8][0-9]{7}", fullmatch=True),
    st.sampled_from(["{a}{n}", "{a}-{n}", "+86{s}{n}", "0086{a}{n}", "86{a}{n}", "17951{a}{n}", "({a}){n}"]),
)
def test_every_way_to_write_a_landline_is_one_key(area: str, local: str, form: str) -> None:
    """Separators and prefixes never change which landline it is."""
    assert key_of(form.format(a=area, s=area[1:], n=local)) == f"fixed:{area}-{local}"


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_masked_form_hides_the_middle(digits: str) -> None:
    """The masked form shows seven digits and is itself recognised as masked."""
    masked = parse(digits).masked
    assert masked == f"{digits[:3]}****{digits[-4:]}"
    assert parse(masked).cls is NumberClass.MASKED


def test_command_prints_exactly_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """``laidian phone N --json`` prints the six keys of numbers.md."""
    assert main(["phone", "0755-86013388-8001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "input": "0755-86013388-8001",
        "class": "fixed",
        "key": FIXED,
        "extension": "8001",
        "rule": "fixed",
        "maybe_virtual": False,
    }


def test_command_takes_a_home_area(capsys: pytest.CaptureFixture[str]) -> None:
    """The home area code can be given; a wrong one is one sentence and status 2."""
    assert main(["phone", "86013388", "--home-area", "020", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == "fixed:020-86013388"
    assert main(["phone", "86013388", "--home-area", "abc"]) == 2
    assert "area code" in capsys.readouterr().err


def test_command_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json the answer is in Chinese, with the place."""
    assert main(["phone", "0755-86013388"]) == 0
    out = capsys.readouterr().out
    assert "深圳" in out
    assert "fixed:0755-86013388" in out
