"""Device descriptions (UPnP Device Architecture 2.0, section 2.3): fetched, and read without harm.

Expat is used directly: a document type ends the reading, so no entity is ever declared, expanded or
fetched; depth, texts and the whole are bounded.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.parsers import expat

from ssdp_discover.search import Place

__all__ = ["Description", "Service", "fetch", "read"]

LARGEST = 256 << 10
DEEPEST = 32
LONGEST = 512
MOST_SERVICES = 200
_WORDS = {
    "friendlyName": "name",
    "deviceType": "kind",
    "manufacturer": "manufacturer",
    "modelName": "model",
    "modelNumber": "number",
    "serialNumber": "serial",
    "UDN": "udn",
    "presentationURL": "page",
}


@dataclass(frozen=True)
class Service:
    """A service of a device: its type, and what it is called there."""

    kind: str
    id: str


@dataclass(frozen=True)
class Description:
    """What a device says of itself; texts are the device's own, at most 512 characters.

    ``kind`` is its type, ``udn`` its unique name, ``page`` where it would show itself in a browser.
    """

    name: str = ""
    kind: str = ""
    manufacturer: str = ""
    model: str = ""
    number: str = ""
    serial: str = ""
    udn: str = ""
    page: str = ""
    services: list[Service] = field(default_factory=list)


class _Reader:
    """Gathers the root device's texts and the services of it and the devices in it."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.text: list[str] = []
        self.length = 0
        self.words: dict[str, str] = {}
        self.services: list[Service] = []
        self.service: dict[str, str] = {}

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        """An element begins."""
        self.path.append(name.rpartition(" ")[2])
        if len(self.path) > DEEPEST:
            raise ValueError(f"the description is nested deeper than {DEEPEST} elements")
        self.text, self.length = [], 0

    def characters(self, data: str) -> None:
        """Some text of the innermost element; what is too long is left out."""
        if self.length < LONGEST:
            self.text.append(data)
            self.length += len(data)

    def end(self, _name: str) -> None:
        """An element ends."""
        text = "".join(char for char in "".join(self.text) if char.isprintable()).strip()[:LONGEST]
        *parents, name = self.path
        if parents == ["root", "device"] and name in _WORDS:
            self.words.setdefault(_WORDS[name], text)
        if parents[-1:] == ["service"]:
            self.service[name] = text
        if name == "service" and len(self.services) < MOST_SERVICES:
            kind = self.service.get("serviceType", "")
            self.services.append(Service(kind, self.service.get("serviceId", "")))
            self.service = {}
        self.path.pop()
        self.text, self.length = [], 0


def read(data: bytes) -> Description:
    """The description in an XML document. Raises ValueError for what is none, or is hostile."""
    if len(data) > LARGEST:
        raise ValueError(f"the description is larger than {LARGEST >> 10} KiB")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"the description is not XML: {error}") from None
    if not reader.words:
        raise ValueError("the document describes no device")
    return Description(**reader.words, services=reader.services)


def _refuse(*_declaration: object) -> None:
    raise ValueError("the description has a document type, which no device needs")


def fetch(where: Place, location: str, timeout: float) -> bytes:
    """The document at ``location`` on the device ``where``; no redirects, at most 256 KiB.

    Raises OSError, ValueError; ``timeout`` bounds the whole, in seconds: a device that sends a byte
    now and then is given up too.
    """
    parts = urlsplit(location)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    until = time.monotonic() + timeout
    connection = http.client.HTTPConnection(where.host, where.port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"the device answered with status {answer.status}")
        data = bytearray()
        while chunk := answer.read1(16 << 10):
            data += chunk
            if len(data) > LARGEST:
                raise ValueError(f"the description is larger than {LARGEST >> 10} KiB")
            if time.monotonic() > until:
                raise TimeoutError("the device sends its description too slowly")
        return bytes(data)
    except http.client.HTTPException as error:
        raise ValueError(f"the device does not speak HTTP: {type(error).__name__}") from None
    finally:
        connection.close()
