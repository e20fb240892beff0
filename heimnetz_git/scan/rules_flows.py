"""Rules on where data goes: credentials, secrets, screens and keys that leave the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity, Step
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import Argument
from heimnetz_git.scan.capabilities import commands, kinds_of, target_of
from heimnetz_git.scan.flows import Flow, Origin, flow_into, texts_in
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.signs import (
    CREDENTIALS,
    DROP_HOST,
    HOOK_HOST,
    HOOK_KEY,
    SECRET_VARIABLE,
    is_public_host,
)
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import text_of

__all__ = [
    "LOOKUPS",
    "covert_destination",
    "credential_files",
    "exfiltration",
]

LOOKUPS = (
    "socket.gethostbyname",
    "socket.getaddrinfo",
    "socket.gethostbyname_ex",
    "dns.resolver.resolve",
    "dns.resolver.query",
    "dns.resolver.Resolver().resolve",
)
_GRAVE = {
    "clipboard": "the clipboard",
    "screen": "the screen",
    "keys": "key strokes",
    "password": "stored passwords",
    "camera": "camera or microphone",
    "environment": "the whole environment",
    "cloud": "the machine's cloud credentials",
}
# These are grave when the place that they go to is fixed in the code.
_NAMED = {
    "wallet": "a key that nobody else may have",
    "login": "a password",
    "told": "what a command tells of the machine",
}


def exfiltration(submission: Submission) -> Iterator[Finding]:
    """What belongs to the machine's people is sent away (ATT&CK T1041, T1552, T1005; CWE-200).

    A flow from credentials, the whole environment, the clipboard, the screen, key strokes or
    several facts about machine and user into a request. False alarms: a tool that is told to do so
    by its user, such as a backup. Send only what the user sees and agrees to.
    """
    for event in _sends(submission):
        flow = flow_into(submission.program, _payload(submission, event))
        origin, words = _taken(submission, event, flow)
        if origin is not None:
            target = _target(submission, event)
            to = f" to {printable(target)}" if target else ""
            trail = (*origin.trail, Step(event.location, f"{event.api}() sends it"))
            yield found(
                exfiltration,
                submission.certainty(origin, event),
                event.location,
                f"{event.api}() sends {words} away{to}.",
                hint="Send only what the user sees and agrees to.",
                capability=Kind.CONNECT,
                trail=trail,
            )


def _sends(submission: Submission) -> Iterator[Event]:
    for event in submission.events(Kind.CONNECT):
        if event.api not in LOOKUPS and event.given and not _OPENS.search(event.api):
            yield event
    for event in submission.events(Kind.RUN):
        for text in commands(submission.program, event):
            if _SENDER.search(text):
                yield event


_SENDER = re.compile(r"(?:^|[\s;&|/('\"])(?:curl|wget|nc|ncat|nslookup|dig)(?:\.exe)?['\"]?\s")


# These open a connection: their arguments say where to, and as whom.
_OPENS = re.compile(
    r"(?:\.connect(?:_ex|_async)?|create_connection|open_connection|\.(?:HTTPS?Connection|FTP|FTP_TLS"
    r"|SMTP|SMTP_SSL|Telnet|Transport|Client|Redis|StrictRedis|MongoClient|IMAP4|IMAP4_SSL|POP3"
    r"|NNTP|ServerProxy|resource|client|TeleBot|Bot|HTTPS?ConnectionPool|sock_connect))$"
)


def _payload(submission: Submission, event: Event) -> Iterator[Argument]:
    """The arguments that travel; not those that say how, nor an address that is configured."""
    for index, argument in enumerate(event.args):
        is_address = any(it.place == str(index) for it in BY_NAME.get(event.api, ()))
        if not is_address or Kind.RUN in kinds_of(submission.program, event):
            yield argument
        elif any("://" in text for text in texts_in(submission.program, [argument])):
            yield argument  # the host is fixed in the code: what stands behind it travels
    for word, argument in event.keywords.items():
        if word not in _MANNERS:
            yield argument


_MANNERS = frozenset(
    {"context", "timeout", "verify", "proxies", "cert", "cafile", "capath", "allow_redirects",
     "ssl", "ssl_context", "trust_env", "env", "cwd", "shell", "stdout", "stderr", "stdin"}
)  # fmt: skip


def _target(submission: Submission, event: Event) -> str:
    for api in BY_NAME.get(event.api, ()):
        if api.kind is Kind.CONNECT:
            target = target_of(submission.program, Kind.CONNECT, api, event)
            if target:
                return target
    return ""


def _taken(submission: Submission, event: Event, flow: Flow) -> tuple[Origin | None, str]:
    """The gravest thing that flows into a request, in words; None if there is nothing."""
    granted = _granted(submission)
    for origin in flow.origins:
        if origin.label == "file":
            match = CREDENTIALS.search(origin.detail.replace("\\", "/"))
            if match is not None and not any(match[0] in grant for grant in granted):
                return origin, f"{printable(match[0])!r}"
        elif (
            origin.label == "variable"
            and SECRET_VARIABLE.search(origin.detail)
            and _is_content(submission, event, origin.detail)
        ):
            return origin, f"the variable {printable(origin.detail)}"
        elif origin.label in _GRAVE:
            return origin, _GRAVE[origin.label]
        elif origin.label in _NAMED and _is_fixed(submission, event, origin.label):
            return origin, f"{_NAMED[origin.label]} ({printable(origin.detail)})"
    labels = flow.labels()
    fact = flow.first("host", "user")
    if fact is not None and event.scope.is_import_time and _is_odd(submission, event):
        return fact, "a fact about the machine"
    facts = {one.detail for one in flow.origins if one.label in ("host", "user")}
    if {"host", "user"} <= labels and len(facts) > 1:
        target = _target(submission, event)
        early = event.scope.is_import_time or event.file.endswith("setup.py")
        if is_public_host(target) or early or HOOK_HOST.search(_text(submission, event)):
            return flow.first("user"), "the names of machine and user"
    return None, ""


# Arguments by which one shows who one is: a token is meant to go there.
_CREDENTIALS = frozenset(
    {"headers", "auth", "cookies", "token", "password", "passwd", "user", "username", "api_key",
     "login", "access_token", "secret", "private_token", "credentials", "key", "bearer"}
)  # fmt: skip
_SENDS = re.compile(
    r"\.(?:get|post|put|patch|request|urlopen|Request|send|sendall|sendto|write|sendmail|stream|head"
    r"|send_message|urlretrieve|run|call|Popen|system|popen|check_output|check_call|getoutput)$"
)


def _is_content(submission: Submission, event: Event, name: str) -> bool:
    """Whether a variable travels as content, not as the credential of a request or an address."""
    if not _SENDS.search(event.api):
        return False
    content = [
        argument
        for word, argument in event.keywords.items()
        if word not in _MANNERS and word not in _CREDENTIALS
    ]
    flow = flow_into(submission.program, (*event.args, *content))
    return any(one.detail == name for one in flow.origins)


_ADDRESS = re.compile(r"https?://\d{1,3}(?:\.\d{1,3}){3}\b")
_FREE_HOST = re.compile(
    r"mockapi|beeceptor|herokuapp|vercel\.app|glitch\.me|repl\.co|000webhost|pythonanywhere|workers\.dev"
    r"|firebaseio|netlify|onrender|deta\.dev|supabase|web\.app|pipedream|ngrok|\.xyz\b|\.tk\b|\.top\b",
    re.IGNORECASE,
)


def _is_fixed(submission: Submission, event: Event, label: str) -> bool:
    """Whether a request goes to a public place that its author chose; of passwords, an odd one."""
    if not is_public_host(_target(submission, event)):
        return bool(HOOK_HOST.search(_text(submission, event)))
    return label != "login" or _is_odd(submission, event)


def _is_odd(submission: Submission, event: Event) -> bool:
    """Whether a request goes to a bare address, or to a host that nobody answers for."""
    text = _text(submission, event)
    address = _ADDRESS.search(text) is not None and is_public_host(_target(submission, event))
    return address or any(one.search(text) for one in (_FREE_HOST, HOOK_HOST, DROP_HOST))


def _granted(submission: Submission) -> tuple[str, ...]:
    return submission.permissions.files.read if submission.permissions else ()


def _text(submission: Submission, event: Event) -> str:
    return " ".join(texts_in(submission.program, event.given))


def credential_files(submission: Submission) -> Iterator[Finding]:
    """Keys, passwords and browser profiles are not a plugin's business (CWE-522, ATT&CK T1555).

    Paths such as ``~/.ssh/id_ed25519`` or a browser's login store that are read, copied or opened.
    High when the program also sends things away. A path that the plugin's ``files.read`` grants
    name is the user's to judge, and not reported here. Take secrets from the host instead.
    """
    granted = _granted(submission)
    talks = any(True for _ in _sends(submission))
    seen: set[tuple[str, int]] = set()
    for event in submission.events(Kind.READ, Kind.WRITE, Kind.RUN):
        for text in (event.ref.text or "", *texts_in(submission.program, event.given)):
            match = CREDENTIALS.search(text.replace("\\", "/"))
            if match is None or any(match[0] in grant for grant in granted):
                continue
            place = event.location
            if (place.file, place.line) in seen:
                break
            seen.add((place.file, place.line))
            yield found(
                credential_files,
                Severity.HIGH if talks and event.api in _COPIERS else Severity.MEDIUM,
                place,
                f"{event.api} is given {printable(match[0])!r}, where credentials or private data"
                f" live{', and the program talks to the network' if talks else ''}.",
                hint="Take secrets from the host: declare them under 'permissions.secrets'.",
                capability=Kind.READ,
            )
            break
    yield from _named_paths(submission, granted, seen, talks=talks)


def _named_paths(
    submission: Submission, granted: tuple[str, ...], seen: set[tuple[str, int]], *, talks: bool
) -> Iterator[Finding]:
    """Such paths in texts, whatever becomes of them; in lists of several they are a harvest."""
    hits: dict[str, list[tuple[tuple[int, int], str]]] = {}
    for module in submission.program.modules:
        for node, _ in module.texts:
            value = text_of(node)
            if len(value) > 300 or ("/" not in value and "\\" not in value):
                continue
            match = CREDENTIALS.search(value.replace("\\", "/"))
            if match and not any(match[0] in g for g in granted):
                hits.setdefault(module.file, []).append((module.place(node), match[0]))
    for file, places in sorted(hits.items()):
        kinds = {what for _, what in places}
        for (line, column), what in places[:5]:
            if (file, line) in seen:
                continue
            grave = talks and len({_family(kind) for kind in kinds}) > 2
            yield found(
                credential_files,
                Severity.HIGH
                if grave
                else Severity.MEDIUM
                if len(kinds) > 1 or talks
                else Severity.LOW,
                Location(file, line, column),
                f"The code names {printable(what)!r}, where credentials or private data live.",
                hint="Take secrets from the host: declare them under 'permissions.secrets'.",
                capability=Kind.READ,
            )


_COPIERS = frozenset(
    {"shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.make_archive",
     "tarfile.open().add", "zipfile.ZipFile().write"}
)  # fmt: skip
_FAMILIES = (
    ("ssh", ("ssh", "id_rsa", "id_ed25519")),
    ("browser", ("chrome", "mozilla", "firefox", "brave", "edge", "opera", "login", "user data",
                 "cookies", "local state", "key4", "leveldb")),
    ("wallet", ("wallet", "electrum", "exodus", "atomic", "ethereum", "bitcoin", "metamask",
                "solana", "nkbih")),
    ("chat", ("discord", "telegram", "tdata")),
)  # fmt: skip


def _family(what: str) -> str:
    low = what.lower()
    return next((name for name, words in _FAMILIES if any(word in low for word in words)), low)


def covert_destination(submission: Submission) -> Iterator[Finding]:
    """Data goes to a place that anybody can open and nobody answers for (ATT&CK T1567, T1102).

    A webhook or bot token written into the code, a paste site, a tunnel, a request catcher. High
    for hooks and bots whose address is in the code: they serve its author, not its user. False
    alarms: examples in texts that are not sent to are not reported. Let the user configure it.
    """
    for event in submission.events(Kind.CONNECT, Kind.RUN):
        text = " ".join((event.ref.text or "", *texts_in(submission.program, event.given)))
        flows = " ".join(_flow_texts(submission, event)) if len(text) < 12 else ""
        for pattern, severity in ((HOOK_HOST, Severity.HIGH), (DROP_HOST, Severity.MEDIUM)):
            match = pattern.search(text) or pattern.search(flows)
            if match is not None:
                yield found(
                    covert_destination,
                    severity,
                    event.location,
                    f"{event.api}() talks to {printable(match[0])}, fixed in the code.",
                    hint="Let the user configure where data goes.",
                    capability=Kind.CONNECT,
                )
                break
    yield from _named_hooks(submission)


def _named_hooks(submission: Submission) -> Iterator[Finding]:
    """A hook with its key among the texts of a module that talks, runs or writes."""
    acts = (Kind.CONNECT, Kind.RUN, Kind.WRITE)
    for module in submission.program.modules:
        for node, _ in module.texts:
            match = HOOK_KEY.search(text_of(node))
            if match is not None and any(submission.can(it, module.file) for it in acts):
                yield found(
                    covert_destination,
                    Severity.HIGH,
                    Location(module.file, *module.place(node)),
                    f"A hook and its key are fixed in the code ({printable(match[0][:40])!r}).",
                    hint="Let the user configure where data goes.",
                    capability=Kind.CONNECT,
                )
                break


def _flow_texts(submission: Submission, event: Event) -> Iterator[str]:
    made = event.ref.made
    if made is not None:
        yield from texts_in(submission.program, [(one, made[1]) for one in made[0].args])
