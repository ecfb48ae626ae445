"""The client classifies answers in the shapes of recorded answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from tap_activecampaign_unified.client.response_check import ResponseKind, judge_response

FILE = Path(__file__).parents[2] / "golden" / "live" / "answers.json"
ANSWERS: list[dict[str, Any]] = json.loads(FILE.read_text())


@pytest.mark.parametrize("answer", ANSWERS, ids=[answer["what"] for answer in ANSWERS])
def test_an_answer_is_judged_as_what_it_is(answer):
    """Each recorded answer is a success, a refusal with a reason, or a 403; none is retried."""
    response = requests.Response()
    response.status_code = answer["status"]
    response.headers = CaseInsensitiveDict(answer.get("headers", {}))
    body = answer["body"]
    content = b"" if body is None else json.dumps(body).encode()
    verdict = judge_response(answer["method"], response, content)
    assert verdict.kind is ResponseKind(answer["kind"])
    if answer["kind"] == "good":
        assert verdict.response is not None
        assert verdict.response.body == body
    if answer["kind"] == "final":
        assert answer["says"] in str(verdict.error(answer["method"], "things/1"))


def test_an_empty_answer_without_an_error_code_is_tried_again():
    """An empty answer is a refusal only with ActiveCampaign's code; a read is always retried."""
    for method, headers in (("PUT", {}), ("GET", {"X-Ac-Error": "Code 9001"})):
        response = requests.Response()
        response.status_code = 200
        response.headers = CaseInsensitiveDict(headers)
        assert judge_response(method, response, b"").kind is ResponseKind.SERVER_ERROR
