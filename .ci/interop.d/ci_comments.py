"""The part of GitHub's and GitLab's APIs that a job comments through: lists in pages, adds, updates, and remembers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

# Ids of users; jobs are the bot.
SOMEBODY, BOT = 7, 99
TOKEN = "the-jobs-token"
AUTHORIZATION = {"github": ("Authorization", f"Bearer {TOKEN}"), "gitlab": ("PRIVATE-TOKEN", TOKEN)}


class Comments:
    """A server on loopback for one request for changes; use it in a `with`."""

    def __init__(self, system: str):
        self.system = system
        self.comments: list[dict] = []
        self.writes: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add(self, body: str, user: int) -> dict:
        """A new comment."""
        kind = "Bot" if user == BOT else "User"
        person = {"id": user, "login": f"user-{user}", "type": kind}
        comment = {"id": 1000 + len(self.comments), "body": body, "user": person, "author": person}
        self.comments.append(comment)
        return comment

    def bodies(self, user: int) -> list[str]:
        """Texts of one user's comments."""
        return [comment["body"] for comment in self.comments if comment["user"]["id"] == user]

    def answer(self, method: str, target: str, body: str):
        """Status and document for one request."""
        url = urlparse(target)
        root = {
            "github": "/repos/someone/shop/issues/12/comments",
            "gitlab": "/projects/3/merge_requests/12/notes",
        }[self.system]
        one = {"github": "/repos/someone/shop/issues/comments/", "gitlab": f"{root}/"}[self.system]
        if method == "GET" and url.path == "/user" and self.system == "gitlab":
            return 200, {"id": BOT}
        if method == "GET" and url.path == root:
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items() if values[0].isdigit()}
            first = (query["page"] - 1) * query["per_page"]
            return 200, self.comments[first : first + query["per_page"]]
        if method == "POST" and url.path == root:
            self.writes.append(method)
            return 201, self.add(json.loads(body)["body"], BOT)
        if method == {"github": "PATCH", "gitlab": "PUT"}[self.system] and url.path.startswith(one):
            [comment] = [c for c in self.comments if str(c["id"]) == url.path.removeprefix(one)]
            self.writes.append(method)
            comment["body"] = json.loads(body)["body"]
            return 200, comment
        return 404, {"message": f"{method} {target}"}


def handler(comments: Comments):
    """The HTTP side of it."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self):
            name, value = AUTHORIZATION[comments.system]
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.headers.get(name) == value:
                status, document = comments.answer(self.command, self.path, body)
            else:
                status, document = 401, {"message": "no such token"}
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = _any

        def log_message(self, *_):
            pass

    return Handler
