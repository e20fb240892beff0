"""Keys without a form of their own: passwords and tokens where one is given a name, told by how
much they vary from words, labels, templates, digests and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from heimnetz_git.scan.secrets_checks import basic_login, entropy, is_dummy

__all__ = ["named_values"]

# Texts before which no name of a key begins, all lower case; the second part is how it may go on.
_WORDS = (
    "passw", "passphrase", "passcode", "pwd", "_pass", "secret", "token", "_key", "-key", "apikey",
    "accesskey", "privatekey", "authkey", "psk", "encryptionkey", "credential", "presharedkey", "_auth",
    "community", "_pin",
)  # fmt: skip
# What a key is for, before "_key": a sort key or a cache key opens nothing.
_KEY_OF = re.compile(
    r"(?:api|access|private|auth|encryption|signing|account|master|service|app|jwt|hmac|ssh|shared"
    r"|psk|deploy|encrypt|webhook|client|consumer|session|storage|aes|fernet|crypt\w*|zone|bridge|hub|device|user|admin)"
    r"[_-]?$"
)
_LENIENT = re.compile(r"pass|pwd|psk|secret|credential|_pin|community")
# Words that make a name that of something else: a label, an address, a setting.
_OTHER = re.compile(
    r"(?:name|label|field|type|ur[il]|path|file|dir|env|var|header|prefix|suffix|regex|pattern|policy"
    r"|length|size|len|hint|help|prompt|text|message|title|expir\w*|ttl|format|class|endpoint|param\w*|option"
    r"|arg|column|table|provider|manager|service|reset|hash|hashed|digest|error|required|enabled|count|limit"
    r"|lifetime|source|store|backend|schema|version|description|info|status|state|mode|method|handler|callback"
    r"|strength|validator|placeholder|template|separator|delimiter|char\w*|kind|scope|icon|cookie|form|page|ref"
    r"|arn|algorithm|alg|issuer|audience|budget|usage|per|max|min|location|selector|xpath|css|id|ids|keys?_id"
    r"|alias|group|role|grant|address|key_name|sha\d*|md5|checksum|fingerprint|index|pos\w*|idx|num\w*)s?$"
)
_NOT_KEYS = re.compile(r"public|csrf|xsrf|next|page_?token|cancel|continuation|sync_?token|cursor|tokeni|"
                       r"bos_|eos_|pad_|unk_|sep_|mask_|cls_|stop|special|placeholder|fake|dummy|example|"
                       r"mock|sentinel|invalid|wrong|bad_|authori[sz]|author|authent|no_?pass|hash")  # fmt: skip
_BEFORE = re.compile(r"[\w.-]{0,40}$")
_OPERATOR = (
    r"[\w-]{0,30}[\"'`\]\)]{0,2}[ \t]{0,9}"
    r"(?::[ \t]{0,3}(?:[A-Za-z_][\w.]*(?:\[[\w., |]{1,30}\])?[ \t|]*){1,3}=|\(?=>?|:=?|,|=>|\()[ \t]{0,9}"
    r"(?:(?:\w+\.)?(?:fromhex|b64decode|SecretStr|Secret|str|bytes|bytearray)\([ \t]{0,3})?"
)
_QUOTED = re.compile(
    rf"({_OPERATOR})[rbuRBU]{{0,2}}(\"\"\"|'''|[\"'`])((?:(?!\2)[^\n\\]|\\.){{4,300}})\2"
)
_BARE = re.compile(
    rf"({_OPERATOR})((?![\"'`])[^\s#,;\"'`]{{5,300}})[ \t]*(?:#.*)?(?=\r?\n|$|;|[\"'`] )"
)
_DATA = frozenset(
    {".yaml", ".yml", ".env", ".ini", ".cfg", ".conf", ".properties", ".toml", ".json", ".netrc",
     ".pypirc", ".npmrc", ".sh", ".bash", ".zsh", ".service", ".tfvars", ".txt", ".md", ".rst", ".ps1",
     ".xml", ".config", ".log", ".nmconnection", "", ".dockerfile", ".example", ".http", ".curl"}
)  # fmt: skip
_PAIR = r"\s*[\"'][^\"'\n]{1,64}[\"']\s*,\s*[\"']([^\"'\n]{4,100})[\"']"
_PLACES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("a password in an address", ("://",), r"://[^\s:/@\"'<>{}$%,()]{0,60}:([^\s/@\"'<>]{3,100})@[\w\[]"),
    ("a bearer token", ("earer ",), r"[Bb]earer ([\w.~+/=-]{16,2000})"),
    ("an HTTP login", ("asic ",), r"[Bb]asic ([A-Za-z0-9+/]{8,400}={0,2})(?![\w+/])"),
    ("a token of a header", ("Authorization", "X-",), r"(?:Authorization|X-[A-Za-z-]{0,20}(?:Key|Token|Secret))[\"']?\s*[:=,]\s*[\"']?(?:[Tt]oken |ApiKey |Key )?([\w.~+/=-]{16,400})"),
    ("a login", ("auth",), rf"auth\s?=\s?\({_PAIR}"),
    ("a login", (".login(",), rf"\.login\({_PAIR}"),
    ("a login", ("pw_set(",), rf"pw_set\({_PAIR}"),
    ("a login", ("Auth(",), rf"Auth\({_PAIR}"),
    ("a login", ("credentials",), rf"credentials\s?=\s?\({_PAIR}"),
    ("a password of a connection", ("wd=", "WD=", "word=", "wd =", "word =",), r"[;\"'](?i:pwd|password|passwd)\s?=\s?([^;\"'\s{}$]{4,100})[;\"']"),
    ("a secret in an address", ("?", "&",), r"[?&](?i:pwd|password|passwd|pass|token|access_token|api_?key|secret|sig|key)=([^&\s\"'<>{}$]{6,400})"),
    ("a secret in XML", ("value=",), r"(?:key|name)=\"(?!(?i:csrf|xsrf|authenticity))[^\"\n]{0,40}(?i:secret|password|token|apikey|pwd)[^\"\n]{0,10}\"\s+value=\"([^\"\n]{6,200})\""),
    ("a password", ("requirepass",), r"requirepass\s+([^\s\"']{6,200})"),
    ("a password of a database", ("ENTIFIED", "entified", "PASSWORD '", "password '",), r"(?i:identified by|with password|encrypted password)\s+'([^'\n]{4,100})'"),
    ("a password of a command", ("sshpass",), r"sshpass\s+-p\s*[\"']?([^\s\"'$]{4,100})"),
    ("a password of a command", ("mysql",), r"mysql\w*\b[^\n|;]{0,80}?\s-p([^\s\"'$-][^\s\"'$]{4,100})"),
    ("a password of a command", ("pass:",), r"pass:([^\s\"'$:]{6,100})(?=[\s\"']|$)"),
    ("an encryption key", ("encryption:",), r"encryption:\s*\n\s*key:\s*[\"']?([A-Za-z0-9+/]{43}=)"),
    ("a default password", ("default=", "default =",), r"--[\w-]{0,30}(?:password|token|secret|api-key)[\"'],[^()\n]{0,120}?\bdefault\s*=\s*[\"']([^\"'\n]{5,200})[\"']"),
    ("a login of curl", ("curl",), r"curl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"'$]{1,64}:([^\s\"'$]{4,100})"),
    ("a password of .netrc", ("machine ",), r"machine\s+\S+\s+login\s+\S+\s+password\s+(\S{4,100})"),
    ("a secret in XML", ("</",), r"<\w{0,30}(?i:password|passwd|token|secret|apikey)\w{0,10}>([^<>\s]{6,200})</"),
)  # fmt: skip
_HEX = re.compile(r"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_LABEL = re.compile(r"[\w./: -]+", re.ASCII)
_NUMBERED = re.compile(r"([A-Za-z]{3,})\d+")
_COUNTED = frozenset(
    {"password", "passwd", "pass", "secret", "token", "user", "admin", "key", "foo", "bar", "field", "value",
     "step", "sha", "oauth", "utf", "base", "rsa", "aes", "wpa", "eap", "psk", "option", "text", "input", "row",
     "level", "page", "part", "type", "item", "tls", "ipv", "md", "ed", "some", "login", "account"}
)  # fmt: skip
_HASHED = re.compile(r"\$(?:2[abxy]|5|6|1|y|argon2\w*|pbkdf2\w*|apr1|scrypt)\$|pbkdf2|argon2|bcrypt|scrypt:"
                     r"|sha\d{1,3}[:$-]|md5[:$-]|\{SSHA|ssh-|ecdsa-|AQ[AB]\w{0,3}$|MII[BC]Ij", re.ASCII)  # fmt: skip
_REFERENCE = re.compile(
    r"^[<({\[]|^[\d.+-]+$|\[-?\d+\]|^\$[\w{(]|^[*&!]\w+$|[{<]\w|\}\}|\$\(|%\(|%[sdr](?!\w)|^\w+[(\[]|^(?:https?|file|s3|arn|urn|data|vault|op|env|ref|secret|"
    r"sm|kms|projects|ssm|keyring)[:/]|^[~.]{0,2}/[\w.-]+/|^\w+(?:\.[a-z_]\w*)+$|\.(?:py|json|ya?ml|txt|pem|key|"
    r"crt|toml|html|md)$|\bos\.|process\.env|getenv|^(?:self|config|settings|args|request|this)\b|\\[ux]|=="
    r"(?!$)|!secret|^\^|[$]$|\(\?|\[\^?\w-\w"
)
_KNOWN = frozenset(
    {"password", "passw0rd", "p@ssword", "p@ssw0rd", "pass", "secret", "s3cret", "s3cr3t", "token", "admin",
     "root", "guest", "user", "username", "string", "abc123", "pass123", "password1", "password123", "secret123",
     "mypassword", "mysecret", "letmein1", "pa55word", "pa55w0rd", "topsecret", "my-secret", "my_secret", "12345",
     "123456", "user123", "admin123", "token123", "test123", "pwd", "passwd", "key"}
)  # fmt: skip


def named_values(text: str, file: str) -> Iterator[tuple[str, int, str]]:
    """What looks like a key by its place: what it is, the offset of its value, and the value.

    ``file`` says by its suffix whether values stand bare or in quotes.
    """
    lowered = text.lower()
    path = PurePosixPath(file)
    bare = path.suffix.lower() in _DATA or path.name.startswith((".env", "Dockerfile", "Makefile"))
    if len(lowered) == len(text):
        for word in _WORDS:
            at = lowered.find(word)
            while at >= 0:
                yield from _assigned(text, lowered, at, word, bare=bare)
                at = lowered.find(word, at + len(word))
    yield from _placed(text)


def _assigned(
    text: str, lowered: str, start: int, word: str, *, bare: bool
) -> Iterator[tuple[str, int, str]]:
    end = start + len(word)
    found = _QUOTED.match(text, end)
    if found is not None:
        operator, value, at = found[1], found[3], found.start(3)
    else:
        found = _BARE.match(text, end) if bare else None
        if found is None:
            return
        operator, value, at = found[1], found[2], found.start(2)
    before = _BEFORE.search(lowered, max(0, start - 40), start)
    ahead = before[0] if before else ""
    if word.endswith("key") and len(word) == 4 and _KEY_OF.search(ahead) is None:
        return
    tail = _tail(operator)
    name = ahead + word + tail
    if _OTHER.search(tail) or _NOT_KEYS.search(name):
        return
    called = operator.rstrip().endswith(("(", ",")) and "=" not in operator
    if called and not (found.re is _QUOTED and _is_strong(value)):
        return
    lenient = _LENIENT.search(name) is not None
    if is_secret(value, name, lenient=lenient and (found.re is _QUOTED or bare)):
        yield ("a password" if lenient and "secret" not in name else "a secret"), at, value


def _tail(operator: str) -> str:
    found = re.match(r"[\w-]*", operator)
    return found[0].lower() if found else ""


def _placed(text: str) -> Iterator[tuple[str, int, str]]:
    for what, hints, pattern in _PLACES:
        if not any(hint in text for hint in hints):
            continue
        for match in re.compile(pattern).finditer(text):
            if ".svg" in text[max(0, match.start() - 80) : match.start()]:
                continue  # the token of a badge, which everybody is meant to see
            value = basic_login(match[1]) if what == "an HTTP login" else match[1]
            lenient = what not in ("a bearer token", "a token of a header")
            user = re.search(
                r"([\w.-]+)[:\"'\s,]+$", text[max(0, match.start(1) - 40) : match.start(1)]
            )
            same = user is not None and user[1].lower() == value.lower()
            if value and not same and is_secret(value, "", lenient=lenient):
                yield what, match.start(1), value


def is_secret(value: str, name: str, *, lenient: bool) -> bool:
    """Whether a value is as irregular as keys are; for ``lenient`` ones as passwords are."""
    plain = value.strip("\"'`")
    folded = plain.lower()
    if folded in _KNOWN or is_dummy(plain) or any(it.isspace() for it in plain):
        return False
    if _REFERENCE.search(plain) or _HASHED.match(plain) or not plain.isascii():
        return False
    if _UUID.fullmatch(plain):
        return "heroku" in name
    if (
        plain.isdigit()
        or folded in name
        or (_is_wordy(plain) and not _is_numbered(plain, lenient=lenient))
    ):
        return False
    if _HEX.fullmatch(plain):
        return len(plain) >= 16 and entropy(plain) > 2.6
    if lenient and 6 <= len(plain) <= 200:
        return len(set(plain)) >= 5
    return _is_strong(plain)


def _is_strong(value: str) -> bool:
    """Long, of letters and digits without an order."""
    mixed = any(it.isdigit() for it in value) and any(it.isalpha() for it in value)
    return len(value) >= 14 and mixed and entropy(value) >= 3.2 and not _is_wordy(value)


def _is_wordy(value: str) -> bool:
    """Words, perhaps with separators and small numbers: a label, a name, a path."""
    if _LABEL.fullmatch(value) is None:
        return False
    words = _WORD.findall(value)
    letters = [word for word in words if not word.isdigit()]
    digits = sum(len(word) for word in words if word.isdigit())
    length = sum(map(len, letters))
    short = 4 if digits and value.isalnum() else 3
    return length >= short * len(letters) and digits <= max(2, length // 5)


def _is_numbered(value: str, *, lenient: bool) -> bool:
    """One word and a number, which is how people choose passwords."""
    found = _NUMBERED.fullmatch(value) if lenient else None
    return found is not None and found[1].lower() not in _COUNTED
