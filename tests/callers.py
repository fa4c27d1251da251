"""A caller of the product that waits for each answer, for tests that Hypothesis drives."""

from typing import Any

import httpx


class Caller:
    """One tenant's key. What conflicts with the present state answers None; anything else but success fails the test."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        return self._read("GET", path, params=query)

    def all(self, path: str, **query: Any) -> list[Any]:
        items, cursor = [], None
        while True:
            page = self.get(path, limit=500, **query, **({"cursor": cursor} if cursor else {}))
            items += page["data"]
            if (cursor := page.get("next_cursor")) is None:
                return items

    def post(self, path: str, body: Any) -> Any:
        return self._read("POST", path, json=body)

    def attempt(self, path: str, body: Any) -> Any:
        answer = self._http.post(path, json=body)
        if answer.status_code == 409:
            return None
        assert answer.is_success, f"{path} answered {answer.status_code}: {answer.text}"
        return answer.json()

    def change(self, path: str, body: Any) -> Any:
        return self._read("PATCH", path, json=body)

    def close(self) -> None:
        self._http.close()

    def _read(self, method: str, path: str, **request: Any) -> Any:
        answer = self._http.request(method, path, **request)
        assert answer.is_success, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None
