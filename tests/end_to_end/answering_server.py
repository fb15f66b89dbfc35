"""A chat-completions server that does the recipe's work from a phrase book, for runs that need no model.

A translation is a text of the demo's corpus in the language that was asked for, chosen by a hash, so language
identification finds it right; everything is decided by the prompt and the seed.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.corpus.made_up import texts
from tests.end_to_end.world import write_profile
from xl_assets.languages import registry
from xl_assets.profile import SHIPPED

_MODEL = """engine = "openai_server"
model = "phrase-book"
licence = "CC0-1.0"
transport = { base_url = "%s", batch_size = 16, concurrency = 8, dialect = "vllm" }
"""


class AnsweringServer(ThreadingHTTPServer):
    """`asked` counts the questions by the first word of their prompt: Write, Rewrite, Rate or Translate."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed hangs up; that is what some tests do."""


@contextmanager
def answering() -> Iterator[AnsweringServer]:
    """A server on loopback, gone afterwards."""
    running = AnsweringServer()
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield running
    finally:
        running.shutdown()
        running.server_close()


def profile_asking(server: AnsweringServer, folder: Path, corpus: str | None = None, passages: int = 12) -> Path:
    """The small world's profile with every role but the base played by the server.

    Args:
        server: who answers.
        folder: where profile and prompt file go.
        corpus: path of the corpora with ``{language}`` in it; the demo's by default.
        passages: cap of English passages.
    """
    demo = (SHIPPED / "demo.toml").read_text(encoding="utf-8")
    teacher = demo.partition("[models.teacher]\n")[2].partition("\n\n")[0]
    file = write_profile(folder, passages=passages, prompts=3)
    text = file.read_text(encoding="utf-8")
    placed = text.partition("[models.teacher]\n")[2].partition("\n\n")[0]
    assert len(teacher.splitlines()) == len(placed.splitlines())
    # The prompts' translator is a model of its own; nobody here is evaluated.
    text = text.replace(placed, (_MODEL % server.url).rstrip()).replace("translate = true\n", "")
    if corpus:
        before = text.partition("[seeds.default]\n")[2].partition("\n")[0]
        text = text.replace(before, f'path = "{corpus}"')
    file.write_text(text, encoding="utf-8")
    return file


class _Handler(BaseHTTPRequestHandler):
    server: AnsweringServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with self.server.lock:
            self.server.asked[prompt.split()[0]] += 1
        said = _answer(prompt, body)
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "finish_reason": "stop", "message": message, "logprobs": _logprobs(said, body)}
        usage = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"]}
        text = json.dumps({**answer, "choices": [choice], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments: object) -> None:
        pass


def _answer(prompt: str, body: dict) -> str:
    first = prompt.split()[0]
    if first == "Write":
        return "Tell me about this: " + " ".join(prompt.partition("Passage:")[2].split()[:6])
    if first == "Rewrite":
        return prompt.partition("Passage:")[2].strip()
    if first == "Translate":
        name = prompt.partition(" into ")[2].partition(".")[0]
        book = _book(next(entry.code for entry in registry().values() if entry.name == name))
        digest = sha256(json.dumps([prompt, body.get("seed")]).encode()).digest()
        return book[int.from_bytes(digest[:4], "big") % len(book)]
    if schema := body.get("response_format", {}).get("json_schema", {}).get("schema"):
        return json.dumps(dict.fromkeys(schema["properties"], 5))
    return "5"


@cache
def _book(code: str) -> list[str]:
    return texts(code, 60)


def _logprobs(said: str, body: dict) -> dict | None:
    if not body.get("logprobs"):
        return None
    top = [{"token": said, "logprob": -0.1, "bytes": None}]
    return {"content": [{"token": said, "logprob": -0.1, "bytes": None, "top_logprobs": top}]}
