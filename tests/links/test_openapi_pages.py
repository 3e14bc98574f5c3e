"""The OpenAPI document holds everything the pages do, is valid, and no masked answer shows a number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from cti.domain.scopes import SCOPES
from screenpop.api.app import ROUTES
from screenpop.api.openapi import document
from tests.plugins.links import Join
from tests.plugins.screenpop import WANG, PopLine, Story

SRC = Path(__file__).resolve().parents[2] / "screenpop" / "web" / "src"
_ARG = r"((?:[^,()]|\([^()]*\))+)"
_REQUEST = re.compile(r"\brequest(?:<(?:[^()]|\([^()]*\))*?>)?\(\s*'([A-Z]+)',\s*" + _ARG)
_OTHER = re.compile(r"\brequest(Blob|Upload)(?:<[^()]*?>)?\(\s*" + _ARG)
_HELPER = re.compile(r"const (\w+) = \([^)]*\)[^=]*=>\s*`(/[^`]*)`")


def _calls(file: Path) -> list[tuple[str, str]]:
    """(method, path) of every request that a source of the pages makes; ``${…}`` is ``{}``."""
    text = file.read_text("utf-8")
    helpers = dict(_HELPER.findall(text))
    told = _REQUEST.findall(text)
    told += [({"Blob": "GET", "Upload": "POST"}[kind], arg) for kind, arg in _OTHER.findall(text)]
    found = []
    for method, arg in told:
        for name, path in helpers.items():
            arg = re.sub(rf"\$\{{{name}\([^()]*\)\}}", path, arg)
            arg = re.sub(rf"\b{name}\([^()]*\)$", f"`{path}`", arg.strip())
        paths = re.findall(r"['`](/[^'`]*)['`]", arg)
        found += [(method, re.sub(r"\$\{[^}]*\}", "{}", path)) for path in paths]
    return found


def test_everything_the_pages_do_is_in_the_document() -> None:
    """Each request of the pages is an operation of the document."""
    paths = document(ROUTES)["paths"]
    known = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path.removeprefix("/api/v1")))
        for path, methods in paths.items()
        for method in methods
    }
    sources = [*SRC.rglob("*.ts"), *SRC.rglob("*.vue")]
    calls = [(file.name, *call) for file in sources for call in _calls(file)]
    assert len(calls) > 60
    missing = []
    for file, method, path in calls:
        form = re.compile(re.escape(path.partition("?")[0]).replace(r"\{\}", r"[^/]+"))
        if not any(m == method and form.fullmatch(p) for m, p in known):
            missing.append((file, method, path))
    assert missing == []


def test_no_request_of_the_pages_escapes_the_walk() -> None:
    """Every call of the request functions is one that the test above reads."""
    for file in sorted((SRC / "api").glob("*.ts")):
        text = re.sub(r"export async function request[^\n]*", "", file.read_text("utf-8"))
        made = re.findall(r"\brequest(?:Blob|Upload)?(?:<[^\n]*?>)?\(", text)
        assert len(_calls(file)) >= len(made), file.name


def test_the_document_is_valid_and_tells_of_tokens() -> None:
    """It validates as OpenAPI 3.1; systems' operations name their scope, and the scheme lists all of them."""
    told = document(ROUTES)
    validate(told)
    scheme = told["components"]["securitySchemes"]["integration"]
    assert all(scope in scheme["description"] for scope in SCOPES)
    hook = told["paths"]["/api/v1/hooks/waybills"]["post"]
    assert hook["security"] == [{"integration": ["waybills:write"]}]
    assert {"409", "413", "422", "429"} <= set(hook["responses"])
    upload = told["paths"]["/api/v1/imports/{kind}"]["post"]
    assert "application/octet-stream" in upload["requestBody"]["content"]
    assert {r.scope for r in ROUTES if r.scope} == set(SCOPES) - {"numbers:read"}


@pytest.mark.parametrize("user", ["a1001", "qa"])
async def test_no_masked_answer_shows_a_number(popline: PopLine, join_system: Join, user: str) -> None:
    """Whatever an agent, an inspector or another system may read, the caller's number is hidden in it."""
    told = Story()
    popline.hear(*told.rings("1001"), *told.answered("1001"))
    text = {"category": "延误", "text": f"请打 {WANG}", "customer_id": 1}
    await popline.api("POST", "/complaints", user="a1001", body=text)
    await popline.parts.ctx.ledger.settled(10)
    system = await join_system(popline, *(s for s in SCOPES if s != "numbers:read"))
    fill: dict[str, Any] = {"customer_id": 1, "complaint_id": 1, "item_id": 1, "number": "SF1234567890"}
    fill |= {"pop_id": popline.parts.ctx.service.book.everything()[0].id}
    seen = 0
    for route in ROUTES:
        if route.method != "GET" or set(route.params) - set(fill) or route.path == "/openapi.json":
            continue
        path = route.path.format(**fill) + ("?q=王小明" if route.path == "/search" else "")
        for token in (await popline.token(user), system.token):
            headers = {"Authorization": f"Bearer {token}"}
            async with popline.http.get(f"{popline.base}/api/v1{path}", headers=headers) as answer:
                body = await answer.read()
            assert answer.status < 500, path
            seen += answer.status == 200
            assert WANG.encode() not in body, path
    assert seen > 15
