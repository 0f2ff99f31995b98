"""Who may ask the explorer: host, origin, token; and that hostile text gets a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from explorer_server import TOKEN, answered, port_of, serving
from test_hostile_text import HOSTILE

from diffkit.explorer.limits import MAX_BODY, TokenBucket

COMPARE = {"text": "x*x", "at": {"x": 3.0}}
ENDPOINTS = ["parse", "compare", "explain", "curve", "steps", "diagnose", "derive", "swell"]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving() as (found, _):
        yield found


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost"]
)
def test_a_foreign_host_is_refused(client: Any, host: str) -> None:
    host = host.format(port=port_of(client))
    for path in ("/api/health", f"/?token={TOKEN}", "/static/drawing.js"):
        assert client.get(path, headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1",
               "http://127.0.0.1:{port}.evil.example"],
)  # fmt: skip
def test_a_foreign_origin_is_refused(client: Any, origin: str) -> None:
    origin = origin.format(port=port_of(client))
    response = client.post("/api/compare", json=COMPARE, headers={"origin": origin})
    assert response.status_code == 403 and "another site" in response.json()["error"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_own_origin_may_ask(client: Any, name: str) -> None:
    own = f"{name}:{port_of(client)}"
    headers = {"host": own, "origin": f"http://{own}"}
    assert client.post("/api/compare", json=COMPARE, headers=headers).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "ä"])
def test_a_wrong_token_is_refused(client: Any, token: str) -> None:
    headers = {"x-diffkit-token": token.encode()}
    for name in ENDPOINTS:
        assert client.post(f"/api/{name}", json=COMPARE, headers=headers).status_code == 403
    for path in ("/", "/api/subject", "/api/train/choices", "/api/train/1/events"):
        assert client.get(path, headers=headers).status_code == 403


def test_the_token_in_the_address_opens_the_page_and_the_events_alone(client: Any) -> None:
    headers = {"x-diffkit-token": ""}
    assert client.get(f"/?token={TOKEN}", headers=headers).status_code in (200, 503)
    assert client.get(f"/api/train/1/events?token={TOKEN}", headers=headers).status_code == 404
    assert client.get(f"/api/health?token={TOKEN}", headers=headers).status_code == 403
    refused = client.post(f"/api/compare?token={TOKEN}", json=COMPARE, headers=headers)
    assert refused.status_code == 403


def test_every_answer_says_what_a_browser_may_do(client: Any) -> None:
    for path in ("/", "/api/health", "/api/nothing", "/static/drawing.js", "/static/none"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert client.get("/api/health").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "....//server.py",
             "/etc/passwd", "%2fetc%2fpasswd", "..%5cserver.py", "drawing.js%00.html"],
)  # fmt: skip
def test_only_static_files_are_served(client: Any, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code in (400, 404) and "import" not in response.text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_text_gets_a_sentence(client: Any, text: str) -> None:
    status = 413 if len(text) > MAX_BODY - 100 else 400
    found = answered(client, "parse", {"text": text}, status)
    assert found["error"] and "\n" not in found["error"] and len(found["error"]) < 500
    if status == 400:
        assert 0 <= found["position"] <= max(len(text), 1)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_each_endpoint_refuses_hostile_text(client: Any, name: str) -> None:
    body = {"text": "__import__('os')", "at": {"x": 1.0}, "x": "x", "window": [0, 1]}
    assert "error" in answered(client, name, body, 400)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'"x"', b"null", b"{" * 30_000, b'{"text": NaN}', b"\xff\xfe",
                b'{"text": "x*x", "at": {"x": NaN}}', b'{"text": "x*x", "at": {"x": Infinity}}'],
    ids=lambda content: repr(content[:24]),
)  # fmt: skip
def test_what_is_no_json(client: Any, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/api/compare", content=content, headers=headers)
    assert response.status_code == 400 and response.json()["error"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_is_no_question(client: Any, kind: str) -> None:
    response = client.post("/api/compare", content=b"{}", headers={"content-type": kind})
    assert response.status_code == 415


@pytest.mark.parametrize(
    "at", [None, {}, {"x": None}, {"x": "1"}, {"x": True}, {"x": [1.0]}, {"x": 10**400}, [1.0],
           {"x": 1e308 * 10}],
    ids=repr,
)  # fmt: skip
def test_points_that_are_none(client: Any, at: Any) -> None:
    if at == {"x": float("inf")}:
        content = b'{"text": "x*x", "at": {"x": 1e999}}'
        headers = {"content-type": "application/json"}
        assert client.post("/api/compare", content=content, headers=headers).status_code == 400
        return
    for name in ("compare", "explain", "curve", "steps", "diagnose"):
        answered(client, name, {"text": "x*x", "at": at, "x": "x", "window": [0, 1]}, 400)


@pytest.mark.parametrize(
    "extra", [{"window": [1, 0]}, {"window": [0]}, {"window": "01"}, {"window": [0, 10**400]},
              {"window": [None, 1]}, {"points": 1}, {"points": 10**9}, {"points": 2.5},
              {"points": True}, {"x": "z"}, {"x": None}, {"x": {}}, {"y": "x"}],
    ids=repr,
)  # fmt: skip
def test_windows_that_are_none(client: Any, extra: dict[str, Any]) -> None:
    body = {"text": "x*x", "at": {"x": 1.0}, "x": "x", "window": [0, 1]} | extra
    assert answered(client, "curve", body, 400)["error"]


@pytest.mark.parametrize(
    "body", [{"dataset": "../secret.csv"}, {"dataset": "data.npz"}, {"net": "relu 10000"},
             {"epochs": 10**9}, {"batch": 0}, {"rate": -1}, {"rate": "0.1"}, {"seed": -1},
             {"optimizer": []}, {"schedule": {}}, {"loss": "mse"}, {"epochs": 2000, "batch": 1}],
    ids=repr,
)  # fmt: skip
def test_trainings_that_are_none(client: Any, body: dict[str, Any]) -> None:
    assert answered(client, "train", body, 400)["error"]


def test_a_flood_is_turned_away_and_the_server_stays() -> None:
    clock = [0.0]
    bucket = TokenBucket(rate=1.0, burst=50.0, clock=lambda: clock[0])
    with serving(bucket) as (client, _):
        found = [client.get("/api/health").status_code for _ in range(1000)]
        assert found == [200] * 50 + [429] * 950
        refused = client.get("/api/health")
        assert refused.headers["retry-after"] == "1" and "too many" in refused.json()["error"]
        clock[0] = 1.0
        assert client.get("/api/health").status_code == 200
