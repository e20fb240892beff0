"""One example value of each kind of file, for tests."""

from __future__ import annotations

import msgspec

from heimnetz_git.model.config import IndexSettings, Project, Settings
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.lock import Generation, Lock, LockedPlugin, Receipt
from heimnetz_git.model.machinepolicy import MachinePolicy
from heimnetz_git.model.manifest import Compiled, Manifest
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.registry import (
    Advisory,
    Collection,
    Deprecation,
    Owner,
    PluginEntry,
    Policy,
    Record,
    RegistryInfo,
    Review,
)
from heimnetz_git.model.release import Artifact, Author, Change, Need, Release, Source

__all__ = ["EXAMPLES", "LOCK", "MANIFEST", "PERMISSIONS", "PLUGIN", "RELEASE"]

UUID = "4b4f5c4e-6d1c-4f5b-9f0e-2f6a5f1f4b1a"
OID = "0123456789abcdef0123456789abcdef01234567"
TIME = "2026-01-31T12:00:00Z"
OPERATIONS = {
    "wake": {
        "summary": "Wake a device: now",
        "parameters": {"type": "object", "properties": {"mac": {"type": "string"}}},
        "result": {"type": ["string", "null"]},
    }
}
CONFIG = {"type": "object", "properties": {"port": {"type": "integer", "default": 9}}}

PERMISSIONS = Permissions(
    network=NetworkPermissions(
        connect=("lan:9/udp", "api.example.org:443", "[fd00::1]:80"),
        listen=("8080", "5000-5010/udp"),
        multicast=("239.255.255.250:1900",),
        raw=True,
    ),
    files=FilePermissions(read=("/var/lib/misc/dnsmasq.leases",), write=("/srv/share",)),
    run=("/usr/sbin/ip",),
    env=("TZ",),
    secrets=("router_password",),
    host=("devices.read",),
)
ARTIFACT = Artifact(
    path="artifacts/86/wake-on-lan/wake_on_lan-1.2.0-py3-none-any.whl", size=5123, sha256="0a" * 32
)
RELEASE = Release(
    format=1,
    name="wake-on-lan",
    version="1.2.0",
    type="network",
    summary="Wake devices: by magic packet",
    license="MIT OR Apache-2.0",
    authors=(Author("Ada Exämple", "ada@example.org"), Author("Yes")),
    host={"heimnetz": ">=1.0,<2"},
    python=">=3.11",
    requires={"device-registry": ">=1.1,<2"},
    optional={"notify": ""},
    packages=("zeroconf>=0.130", 'uvloop; sys_platform == "linux"'),
    binaries=(Need("ip", optional=True),),
    services=(Need("mqtt"),),
    features=("events",),
    operations=OPERATIONS,
    config=CONFIG,
    permissions=PERMISSIONS,
    limits=Limits(memory="256M", cpu=1.5, call="500ms"),
    source=Source("https://example.org/wol", OID, "v1.2.0"),
    artifacts=(ARTIFACT,),
    changes=(Change("added", "Broadcast on every interface"), Change("fixed", "# 7: 'no'")),
)
MANIFEST = Manifest(
    format=1,
    type="network",
    title="Wake on LAN",
    categories=("power",),
    tags=("wol", "on"),
    host={"heimnetz": ">=1.0"},
    requires={"device-registry": ">=1.1"},
    permissions=PERMISSIONS,
)
PLUGIN = PluginEntry(
    format=1,
    name="wake-on-lan",
    owners=(Owner("ada", "1815"),),
    status="deprecated",
    title="Wake on LAN",
    links={"Documentation": "https://example.org/docs"},
    yanked={"1.1.0": "broken on 3.11"},
    deprecated=Deprecation("Replaced", "wake-up"),
)
LOCK = Lock(
    requested={"wake-on-lan": ">=1"},
    host={"heimnetz": "1.0.0"},
    python="3.11.7",
    registries={UUID: "home"},
    plugins=(
        LockedPlugin(
            name="wake-on-lan",
            version="1.2.0",
            registry=UUID,
            release=OID,
            requires={"device-registry": ">=1.1"},
            artifacts=(ARTIFACT,),
        ),
    ),
)
EXAMPLES: dict[str, msgspec.Struct] = {
    "advisory": Advisory(
        id="HN-2026-1",
        modified=TIME,
        summary="Bad",
        affected=({"package": {"name": "wake-on-lan"}, "versions": ["1.0.0"]},),
        references=({"type": "WEB", "url": "https://example.org/"},),
    ),
    "collection": Collection(
        format=1, slug="first", title="First steps", plugins=("wake-on-lan",), featured=True
    ),
    "compiled": Compiled(name="wake-on-lan", operations=OPERATIONS, config=CONFIG),
    "config": Settings(
        timeout=5.5, indexes={"home": IndexSettings(url="/srv/index", patterns=("acme-*",))}
    ),
    "generation": Generation(
        number=1,
        parent=None,
        created=TIME,
        reason="install wake-on-lan",
        lock=LOCK,
        active={"wake-on-lan": "wake-on-lan/1.2.0-0a0a0a0a0a0a"},
        order=("wake-on-lan",),
    ),
    "lock": LOCK,
    "machine-policy": MachinePolicy(
        format=1, deny=("evil-*",), registries=(UUID,), licenses=("MIT",), ceiling=PERMISSIONS
    ),
    "manifest": MANIFEST,
    "plugin": PLUGIN,
    "policy": Policy(format=1, maintainers=("ada",), allow_licenses=("MIT",)),
    "project": Project(
        format=1,
        plugins={"wake-on-lan": ">=1"},
        constraints={"device-registry": "<2"},
        overrides={"notify": ">=2"},
        exclude_newer="2026-01-31",
        resolution="lowest-direct",
        settings=Settings(offline=True, color="never"),
    ),
    "receipt": Receipt(
        release=RELEASE,
        registry=UUID,
        index="home",
        oid=OID,
        folder="wake-on-lan/1.2.0-0a0a0a0a0a0a",
        entry_point="wake_on_lan:WakeOnLan",
        artifact="0a" * 32,
    ),
    "record": Record(
        format=1, name="wake-on-lan", version="1.2.0", release=OID, merged=TIME, score=97
    ),
    "registry": RegistryInfo(
        format=1, id=UUID, name="home", title="Home: ours", reserved=("heimnetz-*",)
    ),
    "release": RELEASE,
    "review": Review(
        format=1, plugin="wake-on-lan", version="1.2.0", reviewer="bob", rating=4, text="Good.\nYes"
    ),
}
