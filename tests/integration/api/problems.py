"""What every refusal looks like."""

from typing import Any

import httpx

FIELDS = {"type", "title", "status", "detail", "instance", "code"}


def checked(answer: httpx.Response) -> dict[str, Any]:
    """The problem that was answered; fails for a success, a fault of ours, and anything that isn't a whole problem."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:1000]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:1000]
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= FIELDS, problem
    assert problem.keys() <= FIELDS | {"errors"}, problem
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    assert len(problem["detail"]) > 10, "say what is wrong and what to do about it"
    for error in problem.get("errors", []):
        assert error.keys() == {"pointer", "detail"}
        assert error["detail"]
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    """The fields that it names."""
    return [error["pointer"] for error in problem.get("errors", [])]
