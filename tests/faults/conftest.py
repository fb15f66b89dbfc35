"""A chat-completions server on loopback that answers as badly as it is told to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from xl_assets.generation.binding import ModelBinding, Transport
from xl_assets.generation.calls import Request, Sampling, plan_calls, wanted_calls


def good_answer(body: dict) -> dict:
    """What a model would say: decided by messages and seed alone."""
    text = sha256(json.dumps([body["messages"], body["seed"]]).encode()).hexdigest()
    message = {"role": "assistant", "content": f"answer {text}"}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
    }


class FaultServer(ThreadingHTTPServer):
    """`behave` is called with (number of this request, its body) and returns (status, headers, body text or dict);
    None answers well. `requests` counts, `bodies` and `keys` keep what came, `finished` the questions answered well."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behave: Callable[[int, dict], tuple[int, dict, object] | None] = lambda number, body: None
        self.delay = 0.0
        self.lock = threading.Lock()
        self.bodies: list[dict] = []
        self.keys: list[str | None] = []
        self.finished: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def requests(self) -> int:
        return len(self.bodies)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is what some tests do."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            number = len(self.server.bodies)
        time.sleep(self.server.delay)
        fault = self.server.behave(number, body)
        status, headers, answer = fault or (200, {}, good_answer(body))
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
        if fault is None:
            with self.server.lock:
                self.server.finished.append(body["messages"][-1]["content"])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FaultServer]:
    running = FaultServer()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def bind(server) -> Callable[..., ModelBinding]:
    """A binding to the fault server; arguments go to its transport."""

    def make(**transport: object) -> ModelBinding:
        settings = {"base_url": server.url, "batch_size": 8, "concurrency": 4, "timeout_seconds": 10, "retries": 2}
        return ModelBinding(
            role="judge", engine="openai_server", model="served", transport=Transport(**{**settings, **transport})
        )

    return make


@pytest.fixture
def wanted() -> Callable[..., pl.DataFrame]:
    """So many wanted calls of a binding's model; `marked` of them ask for trouble."""

    def make(count: int, binding: ModelBinding, sampling: Sampling | None = None, marked: tuple = ()) -> pl.DataFrame:
        texts = [f"{'trouble: poison ' if i in marked else ''}question {i}" for i in range(count)]
        rows = pl.DataFrame({"row_id": [str(i) for i in range(count)], "question": texts})
        request = Request("faults", [("user", pl.col("question"))], sampling or Sampling(), ("row_id",))
        return wanted_calls(plan_calls(rows, request, binding.fingerprint()))

    return make
