"""Asterisk's files come from the settings, and nothing a setting holds gets out of its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from asterisk_conf.plan import Places
from asterisk_conf.render import TEMPLATES, render
from cti.config import Settings
from cti.errors import ConfigError
from tests.plugins.asterisk import asterisk_settings

PLACES = Places(Path("/srv/pbx"), Path("/usr/lib/asterisk/modules"))
EVERYTHING: dict[str, Any] = {
    "asterisk": {
        "trunk_contact": "sip:127.0.0.1:5090",
        "softphones": ["1006"],
        "ari_username": "ari",
        "ari_secret": "ari-secret",
    },
    "agi": {"enabled": True},
    "recording": {"enabled": True, "consent_prompt": "consent"},
}


def files(**overrides: Any) -> dict[str, str]:
    return render(asterisk_settings(Path("/srv/pbx"), **overrides), PLACES)


@pytest.mark.parametrize("overrides", [{}, EVERYTHING], ids=["plain", "everything"])
def test_every_template_is_rendered(overrides: dict[str, Any]) -> None:
    """Each template gives one file without a trace of template language."""
    rendered = files(**overrides)
    assert sorted(rendered) == sorted(p.name.removesuffix(".j2") for p in TEMPLATES.glob("*.j2"))
    for name, text in rendered.items():
        assert not re.search(r"\{[{%#]|[%#}]\}|None|\bUndefined\b", text.replace("${", "")), name


def test_no_setting_at_all_is_enough_but_for_the_secret() -> None:
    """A hotline without agents and queues still renders; without an AMI secret it does not."""
    assert render(Settings(asterisk={"ami_secret": "s"}), PLACES)
    with pytest.raises(ConfigError, match=r"asterisk\.ami_secret"):
        render(Settings(), PLACES)


def test_everything_listens_on_loopback() -> None:
    """By default no file names an address other than loopback to listen on."""
    rendered = files(**EVERYTHING)
    binds = re.findall(r"^(?:bindaddr|bind) *= *(\S+)", "\n".join(rendered.values()), re.MULTILINE)
    assert len(binds) == 4
    assert {b.partition(":")[0] for b in binds} == {"127.0.0.1"}


def test_the_dialplan_takes_no_caller_text_as_code() -> None:
    """What a caller supplies goes through FILTER; an agent's number is matched literally before its use."""
    text = files(**EVERYTHING)["extensions.conf"]
    used = {line.strip() for line in text.splitlines() if re.search(r"\$\{(CALLERID|EXTEN)\b", line)}
    unfiltered = {
        line for line in used if not re.search(r"FILTER\(0-9[+*]?,\$\{(CALLERID\(\w+\)|EXTEN)\}\)", line)
    }
    assert len(used) > len(unfiltered)
    assert {line.partition(",1,")[2] for line in unfiltered} == {"Gosub(ring,${EXTEN},1)"}
    assert not re.search(r"_[XZN.!\[][^,]*,1,Gosub\(ring", text)
    assert not re.search(r"System\(|SHELL\(|EVAL\(", text)


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ({"asterisk": {"ami_secret": "a\nread = all"}}, r"asterisk\.ami_secret"),
        ({"asterisk": {"ami_secret": "a;b"}}, r"asterisk\.ami_secret"),
        ({"asterisk": {"ami_secret": " a"}}, r"asterisk\.ami_secret"),
        ({"asterisk": {"device_secret": "a\r\n[root]"}}, r"asterisk\.device_secret"),
        ({"asterisk": {"ami_username": "general"}}, "general"),
        ({"asterisk": {"ami_username": "a]\n[b"}}, r"asterisk\.ami_username"),
        ({"asterisk": {"bind": "127.0.0.1\nx=y"}}, r"asterisk\.bind"),
        ({"asterisk": {"bind": "example"}}, r"asterisk\.bind"),
        ({"asterisk": {"ami_bind": "0.0.0.0/0"}}, r"asterisk\.ami_bind"),
        ({"asterisk": {"trunk_match": ["anybody"]}}, r"asterisk\.trunk_match"),
        ({"asterisk": {"ami_permit": ["1.2.3.4/99"]}}, r"asterisk\.ami_permit"),
        ({"asterisk": {"trunk_contact": "sip:a@b\ncontact=c"}}, r"asterisk\.trunk_contact"),
        ({"asterisk": {"softphones": ["nobody"]}}, "softphones: nobody"),
        ({"asterisk": {"ari_username": "ari"}}, r"asterisk\.ari_secret"),
        ({"asterisk": {"rtp_start": 9000, "rtp_end": 8000}}, r"asterisk\.rtp_end"),
        ({"agi": {"enabled": True, "host": "h)\n same => n,System(id"}}, r"agi\.host"),
        ({"agi": {"enabled": True, "host": "h,x"}}, "dialplan"),
        ({"agi": {"enabled": True, "host": "${SHELL(id)}"}}, r"agi\.host"),
        ({"agents": [{"number": "1001", "devices": ["a]b"]}]}, "a]b"),
        ({"agents": [{"number": "1001", "devices": ["trunk"]}]}, "trunk"),
        ({"agents": [{"number": "1001", "devices": ["device"]}]}, "device"),
        ({"agents": [{"number": "1001", "devices": ["a&Local/s@x"]}]}, "Local"),
        ({"agents": [{"number": "1001"}, {"number": "1001"}]}, "1001 is there 2 times"),
        (
            {"agents": [{"number": "1001", "devices": ["x"]}, {"number": "1002", "devices": ["x"]}]},
            "x is there 2",
        ),
        ({"agents": [{"number": "1001", "queues": ["nowhere"]}]}, "nowhere"),
        ({"agents": [{"number": "1001", "did": "95001"}]}, "95001 is there 2 times"),
    ],
)
def test_hostile_and_wrong_values_are_refused(overrides: dict[str, Any], names: str) -> None:
    """A value that could end its line, or means nothing to Asterisk, is refused by name."""
    with pytest.raises(ConfigError, match=names):
        files(**overrides)


def test_a_refused_secret_is_not_shown() -> None:
    """The message about a secret that cannot be used does not hold it."""
    with pytest.raises(ConfigError) as caught:
        files(asterisk={"ami_secret": "hunter2;x"})
    assert "hunter2" not in str(caught.value)


def test_a_setting_that_stands_in_no_file_may_hold_anything() -> None:
    """The label of a queue is for people and is not checked."""
    queues = [{"name": "hotline", "label": "热线; [VIP] $"}]
    assert files(queues=queues, agents=[])


def test_all_faults_are_told_at_once() -> None:
    """Several faults make one message with all of them."""
    with pytest.raises(ConfigError) as caught:
        files(asterisk={"ami_secret": ""}, agents=[{"number": "1001", "queues": ["nowhere"]}])
    assert "ami_secret" in str(caught.value)
    assert "nowhere" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        files(asterisk={"ami_secret": "a;b", "bind": "nowhere"}, agi={"enabled": True, "host": "a b"})
    assert re.findall(r"^  ([a-z_.]+):", str(caught.value), re.MULTILINE) == [
        "asterisk.bind",
        "agi.host",
        "asterisk.ami_secret",
    ]


def test_a_folder_that_cannot_stand_in_a_file_is_refused() -> None:
    """An instance folder with a semicolon in its name would be cut off there."""
    with pytest.raises(ConfigError):
        render(asterisk_settings(Path("/srv/pbx")), Places(Path("/srv/a;b")))


def test_other_users_of_this_node_get_the_same_few_rights() -> None:
    """A name under which [[ami]] logs in to this node is a manager user too; other nodes' names are not."""
    text = files(
        ami=[
            {"name": "pbx1", "username": "second", "secret": "s2"},
            {"name": "other", "username": "elsewhere", "secret": "s3"},
        ]
    )["manager.conf"]
    assert re.findall(r"^\[(.+)\]", text, re.MULTILINE) == ["general", "laidian", "second"]
    assert len(set(re.findall(r"^write = (.*)", text, re.MULTILINE))) == 1
