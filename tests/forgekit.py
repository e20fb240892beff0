"""Forges on the loopback: what drivers use of their APIs, with real repositories served by git.

Each answers as the manuals of its forge show: the paths, fields, statuses and headers that are
recorded there. ``faults`` are answers given instead, once each, in order.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.gitkit import Backend, git

__all__ = ["TOKEN", "Fault", "ForgeServer", "forge", "forgejo", "github", "gitlab"]

TOKEN = "s3cret-token-of-ada"
ME = {"login": "ada", "username": "ada", "id": 4711}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UPDATED = "2026-01-01T00:00:00Z"


class Fault(NamedTuple):
    """One answer that goes wrong: for requests whose ``METHOD path`` holds ``where``."""

    where: str
    status: int = 200
    body: bytes = b'{"message": "no"}'
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    delay: float = 0.0
    after: bool = False
    """The request is carried out, and then the answer is lost."""


class ForgeServer:
    """The state of one forge; pull requests are kept as plain data, branches in repositories."""

    def __init__(self, root: Path, routes: Callable[[ForgeServer, Handler], bool]) -> None:
        self.root, self.routes = root, routes
        self.address = ""
        self.pulls: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.comments: list[tuple[int, str]] = []
        self.statuses: dict[str, str] = {}
        self.reviews: list[dict[str, Any]] = []
        self.writers: set[str] = set()
        self.fork_delay = 0
        self.page = 100
        self.private = False
        self._lock = threading.Lock()

    def url(self, slug: str = "acme/plugins") -> str:
        """The address of a repository of it."""
        return f"{self.address}/{slug}.git"

    def fault(self, asked: str) -> Fault | None:
        """The next fault that this request meets, if any; each is met once."""
        with self._lock:
            self.requests.append(asked)
            for fault in self.faults:
                if fault.where in asked:
                    self.faults.remove(fault)
                    return fault
        return None

    def pull(self, number: int) -> dict[str, Any] | None:
        """A pull request by its number."""
        return next((one for one in self.pulls if one["number"] == number), None)

    def head_of(self, slug: str, branch: str) -> str:
        """The commit of a branch; empty when there is none."""
        path = self.root / f"{slug}.git"
        said = git(path, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        return said.strip()

    def keep(self, pull: dict[str, Any]) -> None:
        """Let the pull request's commit be fetched by its number, as forges do."""
        target = self.root / "acme/plugins.git"
        source = self.root / f"{pull['source']}.git"
        kind = "merge-requests" if self.routes is gitlab else "pull"
        ref = f"refs/{kind}/{pull['number']}/head"
        git(target, "fetch", "-q", str(source), f"+{pull['sha']}:{ref}")

    def refreshed(self) -> list[dict[str, Any]]:
        """Pull requests with the heads that their branches have now."""
        for pull in self.pulls:
            head = self.head_of(pull["source"], pull["branch"])
            if head and head != pull["sha"] and pull["state"] == "open":
                pull["sha"] = head
                self.keep(pull)
        return self.pulls


class Handler(Backend):
    """Requests of the API to the forge's routes, all others to git's own backend."""

    forge: ForgeServer

    @property
    def token(self) -> str:
        """The token of the request, however it is presented."""
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        return value

    def answer_all(self) -> None:
        """A fault, the API, or git."""
        if self.token:
            self.forge.tokens.append(self.token)
        fault = self.forge.fault(f"{self.command} {self.path}")
        if fault is not None and not fault.after:
            self.break_off(fault)
            return
        self.lost = fault
        if self.path.startswith("/api/"):
            self.given = json.loads(self._body() or b"null")
            if not self.forge.routes(self.forge, self):
                self.say(404, {"message": "Not Found"})
        elif self.token != TOKEN and (self.forge.private or "git-receive-pack" in self.path):
            self.say(401, {}, ("WWW-Authenticate", 'Basic realm="forge"'))
        else:
            self._run()

    def say(self, status: int, value: Any, *headers: tuple[str, str]) -> None:
        """A JSON answer; lost on the way when a fault says so."""
        if self.lost is not None:
            self.break_off(self.lost)
            return
        self.send(status, json.dumps(value).encode(), headers)

    def break_off(self, fault: Fault) -> None:
        """The answer of a fault, late or cut short where it says so."""
        time.sleep(fault.delay)
        with contextlib.suppress(OSError):  # who has waited too long is gone
            self.send(fault.status, fault.body, fault.headers, fault.cut)
        self.close_connection = True

    def send(self, status: int, data: bytes, headers: Any = (), cut: int | None = None) -> None:
        """Bytes over the wire."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:cut])

    def signed_in(self) -> bool:
        """Is the token right? If not, it is said."""
        if self.token == TOKEN:
            return True
        self.say(401, {"message": "Bad credentials"})
        return False

    def rows(self, rows: list[Any]) -> None:
        """One page of a list, with a link to the next."""
        found = re.search(r"[?&]page=(\d+)", self.path)
        number, size = int(found[1]) if found else 1, self.forge.page
        more = rows[number * size :]
        bare = re.sub(r"[?&]page=\d+", "", self.path)
        mark = "&" if "?" in bare else "?"
        following = f'<{self.forge.address}{bare}{mark}page={number + 1}>; rel="next"'
        self.say(
            200, rows[(number - 1) * size : number * size], *([("Link", following)] if more else [])
        )


def github(forge: ForgeServer, ask: Handler) -> bool:
    """GitHub Enterprise's API v3."""
    path = ask.path.partition("?")[0].removeprefix("/api/v3")
    call = (ask.command, path)
    if call == ("GET", "/meta"):
        ask.say(200, {"verifiable_password_authentication": True})
        return True
    if path != "/user" and ask.command == "GET" and not forge.private:
        pass
    elif not ask.signed_in():
        return True
    if call == ("GET", "/user"):
        ask.say(200, ME)
    elif call == ("GET", "/repos/acme/plugins"):
        ask.say(200, {"full_name": "acme/plugins", "permissions": {"push": "ada" in forge.writers}})
    elif call == ("POST", "/repos/acme/plugins/forks"):
        source, target = forge.root / "acme/plugins.git", forge.root / "ada/plugins.git"
        if not target.exists():
            shutil.copytree(source, target)
        ask.say(202, {"full_name": "ada/plugins"})
    elif call == ("GET", "/repos/ada/plugins"):
        forge.fork_delay -= 1
        ask.say(404 if forge.fork_delay >= 0 else 200, {"full_name": "ada/plugins"})
    elif path == "/repos/acme/plugins/pulls":
        _pulls(forge, ask)
    else:
        return _github_more(forge, ask, path)
    return True


def _github_more(forge: ForgeServer, ask: Handler, path: str) -> bool:
    if match := re.fullmatch(r"/repos/acme/plugins/(pulls|issues)/(\d+)(/\w+)?", path):
        _one_pull(forge, ask, int(match[2]), match[3] or "")
    elif match := re.fullmatch(r"/repos/acme/plugins/commits/(\w+)/check-runs", path):
        state = forge.statuses.get(match[1], "")
        done = {"status": "completed", "conclusion": state}
        ask.say(
            200,
            {
                "check_runs": []
                if not state
                else [done]
                if state != "pending"
                else [{"status": "in_progress"}]
            },
        )
    elif match := re.fullmatch(r"/repos/(\w+/\w+)/git/refs/heads/(.+)", path):
        git(forge.root / f"{match[1]}.git", "update-ref", "-d", f"refs/heads/{match[2]}")
        ask.send(204, b"")
    else:
        return False
    return True


def _pulls(forge: ForgeServer, ask: Handler) -> None:
    if ask.command == "GET":
        open_now = [one for one in forge.refreshed() if one["state"] == "open"]
        head = re.search(r"[?&]head=([^&]+)", ask.path)
        if head:
            owner, _, branch = head[1].replace("%3A", ":").replace("%2F", "/").partition(":")
            open_now = [
                one
                for one in open_now
                if (one["source"].split("/")[0], one["branch"]) == (owner, branch)
            ]
        ask.rows([_github_pull(forge, one) for one in open_now])
        return
    owner, _, branch = ask.given["head"].partition(":")
    source = f"{owner}/plugins"
    if any(one["branch"] == branch and one["state"] == "open" for one in forge.pulls):
        said = f"A pull request already exists for {owner}:{branch}."
        ask.say(422, {"message": "Validation Failed", "errors": [{"message": said}]})
        return
    pull = forge_pull(forge, source, branch, ask.given["title"], ask.given["body"])
    pull["draft"] = ask.given["draft"]
    ask.say(201, _github_pull(forge, pull))


def forge_pull(
    forge: ForgeServer, source: str, branch: str, title: str, body: str
) -> dict[str, Any]:
    """A new pull request."""
    pull: dict[str, Any] = {
        "number": len(forge.pulls) + 1, "state": "open", "source": source, "branch": branch,
        "title": title, "body": body, "sha": forge.head_of(source, branch), "draft": False,
        "user": dict(ME),
    }  # fmt: skip
    forge.pulls.append(pull)
    forge.keep(pull)
    return pull


def _one_pull(forge: ForgeServer, ask: Handler, number: int, more: str) -> None:
    pull = forge.pull(number)
    if pull is None:
        ask.say(404, {"message": "Not Found"})
    elif more == "/reviews":
        ask.rows(forge.reviews)
    elif more == "/comments":
        forge.comments.append((number, ask.given["body"]))
        ask.say(201, {})
    else:
        pull.update(ask.given or {})
        ask.say(200, _github_pull(forge, pull))


def _github_pull(forge: ForgeServer, pull: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": pull["number"],
        "state": pull["state"],
        "html_url": f"{forge.address}/acme/plugins/pull/{pull['number']}",
        "title": pull["title"],
        "body": pull["body"],
        "draft": pull["draft"],
        "user": pull["user"],
        "updated_at": UPDATED,
        "head": {"ref": pull["branch"], "sha": pull["sha"], "repo": {"full_name": pull["source"]}},
        "base": {"ref": "main"},
    }


def forgejo(forge: ForgeServer, ask: Handler) -> bool:
    """Forgejo's API v1; pull requests come by pushes to refs/for/main."""
    path = ask.path.partition("?")[0].removeprefix("/api/v1")
    if (ask.command, path) == ("GET", "/version"):
        ask.say(200, {"version": "11.0.0+gitea-1.22.0"})
        return True
    if (ask.command != "GET" or path == "/user" or forge.private) and not ask.signed_in():
        return True
    if path == "/user":
        ask.say(200, ME)
    elif path == "/repos/acme/plugins/pulls":
        ask.rows([_forgejo_pull(forge, one) for one in _pushed(forge) if one["state"] == "open"])
    elif match := re.fullmatch(r"/repos/acme/plugins/(pulls|issues)/(\d+)(/\w+)?", path):
        _one_pull(forge, ask, int(match[2]), match[3] or "")
    elif match := re.fullmatch(r"/repos/acme/plugins/commits/(\w+)/status", path):
        ask.say(200, {"state": forge.statuses.get(match[1], "")})
    else:
        return False
    return True


def _pushed(forge: ForgeServer) -> list[dict[str, Any]]:
    """What was pushed to the inbox, as pull requests; the options lie beside the repository."""
    inbox = forge.root / "acme/plugins.git/inbox"
    for file in sorted(inbox.glob("*.json")) if inbox.exists() else []:
        said = json.loads(file.read_text())
        old = next((one for one in forge.pulls if one["branch"] == said["topic"]), None)
        if old is not None:
            old["sha"] = said["sha"]
            continue
        number = len(forge.pulls) + 1
        forge.pulls.append({
            "number": number, "state": "open", "source": "acme/plugins", "branch": said["topic"],
            "title": said["title"], "body": said["description"], "sha": said["sha"], "draft": False,
            "user": dict(ME),
        })  # fmt: skip
    for pull in forge.pulls:
        git(
            forge.root / "acme/plugins.git",
            "update-ref",
            f"refs/pull/{pull['number']}/head",
            pull["sha"],
        )
    return forge.pulls


def _forgejo_pull(forge: ForgeServer, pull: dict[str, Any]) -> dict[str, Any]:
    found = _github_pull(forge, pull)
    found["head"]["ref"] = f"refs/pull/{pull['number']}/head"
    return found


def gitlab(forge: ForgeServer, ask: Handler) -> bool:
    """GitLab's API v4; merge requests come by push options."""
    path = ask.path.partition("?")[0].removeprefix("/api/v4")
    start = "/projects/acme%2Fplugins"
    if (ask.command != "GET" or path == "/user" or forge.private) and not ask.signed_in():
        return True
    if path == "/user":
        ask.say(200, ME)
    elif path == start:
        ask.say(200, {"id": 1, "path_with_namespace": "acme/plugins"})
    elif path == f"{start}/merge_requests":
        ask.rows(
            [_gitlab_pull(forge, one) for one in _merge_requests(forge) if one["state"] == "open"]
        )
    elif match := re.fullmatch(rf"{start}/merge_requests/(\d+)(/notes)?", path):
        pull = forge.pull(int(match[1]))
        if pull is None:
            return False
        if match[2]:
            forge.comments.append((pull["number"], ask.given["body"]))
            ask.say(201, {})
            return True
        if ask.command == "PUT":
            pull["state"] = "closed" if ask.given.get("state_event") == "close" else pull["state"]
        found = _gitlab_pull(forge, pull)
        status = forge.statuses.get(pull["sha"], "")
        found["head_pipeline"] = {"status": status, "sha": pull["sha"]} if status else None
        ask.say(200, found)
    else:
        return False
    return True


def _merge_requests(forge: ForgeServer) -> list[dict[str, Any]]:
    """What pushes with ``merge_request.create`` asked for."""
    inbox = forge.root / "acme/plugins.git/inbox"
    for file in sorted(inbox.glob("*.json")) if inbox.exists() else []:
        said = json.loads(file.read_text())
        if "merge_request.create" not in said["options"]:
            continue
        options = dict(one.split("=", 1) for one in said["options"] if "=" in one)
        branch = said["ref"].removeprefix("refs/heads/")
        known = any(one["branch"] == branch and one["state"] == "open" for one in forge.pulls)
        if not known and forge.head_of("acme/plugins", branch):
            title = options["merge_request.title"]
            body = options["merge_request.description"]
            forge_pull(forge, "acme/plugins", branch, title, body)
    return forge.refreshed()


def _gitlab_pull(forge: ForgeServer, pull: dict[str, Any]) -> dict[str, Any]:
    return {
        "iid": pull["number"],
        "web_url": f"{forge.address}/acme/plugins/-/merge_requests/{pull['number']}",
        "title": pull["title"],
        "description": pull["body"],
        "draft": pull["title"].startswith("Draft:"),
        "author": pull["user"],
        "updated_at": UPDATED,
        "sha": pull["sha"],
        "source_branch": pull["branch"],
        "target_branch": "main",
        "source_project_id": 1,
        "target_project_id": 1,
    }


# What a forge does on a push, as a hook of the repository: it notes the ref and the options.
_HOOK = """#!{python}
import json, os, pathlib, sys
count = int(os.environ.get("GIT_PUSH_OPTION_COUNT", 0))
options = [os.environ[f"GIT_PUSH_OPTION_{{n}}"] for n in range(count)]
named = dict(one.split("=", 1) for one in options if "=" in one)
pathlib.Path("inbox").mkdir(exist_ok=True)
for line in sys.stdin:
    old, new, ref = line.split()
    said = {{"sha": new, "ref": ref, "options": options}}
    said["topic"] = ref.removeprefix("refs/for/main/")
    said |= {{key: named.get(key, "") for key in ("title", "description")}}
    pathlib.Path("inbox", ref.replace("/", "-") + ".json").write_text(json.dumps(said))
    print(f"Create or see a request for {{ref}}:\\n  {url}/acme/plugins/pulls", file=sys.stderr)
"""


@contextlib.contextmanager
def forge(root: Path, routes: Callable[[ForgeServer, Handler], bool]) -> Iterator[ForgeServer]:
    """Serve the repositories below ``root`` as that forge; ``acme/plugins`` is the registry."""
    made = ForgeServer(root, routes)
    verbs = {f"do_{verb}": Handler.answer_all for verb in VERBS}
    handler = type("Served", (Handler,), {"root": root, "forge": made, **verbs})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.address = f"http://127.0.0.1:{server.server_address[1]}"
        for repository in root.glob("*/*.git"):
            git(repository, "config", "http.receivepack", "true")
            git(repository, "config", "receive.advertisePushOptions", "true")
            if routes is not github:
                hook = repository / "hooks" / "post-receive"
                hook.write_text(_HOOK.format(python=sys.executable, url=made.address))
                hook.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
