"""The law of the index: each rule from both sides, on real trees, hostile ones among them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import (
    POLICY,
    REGISTRY,
    artifact_path,
    plugin_path,
    record_path,
    release_path,
    signature_path,
)
from heimnetz_git.model.names import shard
from heimnetz_git.model.registry import Owner, PluginEntry, Policy, RegistryInfo
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.registry import (
    law,
    law_facts,
    law_name,
    law_needs,
    law_promises,
    law_release,
    law_scope,
    law_signature,
    law_tree,
)
from heimnetz_git.registry.law import judge, judge_update, refuses
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.law_outcome import CHOSEN
from heimnetz_git.registry.manifest import open_wheels, plugin_entry_of, release_of_all
from heimnetz_git.registry.reverse import needs_of
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Entry, Repository
from tests.gitkit import WHEN, hostile_tree, nested
from tests.wheelkit import make_wheel

Files = dict[str, bytes | Entry | None]
UUID = "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11"
INFO = RegistryInfo(format=1, id=UUID, name="home", reserved=("acme-*",))
ADA = Actor("ada")
CLOCK, OLD, NEW = "clock", release_path("clock", "1.0.0"), release_path("clock", "1.1.0")
WHEEL = artifact_path("clock", "clock-1.1.0-py3-none-any.whl")
OLD_WHEEL = artifact_path("clock", "clock-1.0.0-py3-none-any.whl")


class Bench:
    """A registry with clock 1.0.0, and what releases are made of."""

    def __init__(self, repo: Repository, folder: Path) -> None:
        self.repo, self.folder = repo, folder
        files: Files = {
            REGISTRY: yamlfile.dump(INFO),
            POLICY: yamlfile.dump(Policy(format=1)),
            **self.release("clock", "1.0.0"),
            signature_path("clock", "1.0.0"): b"signature",
        }
        self.base = repo.write(None, files)

    def release(self, name: str, version: str, *, owner: bool = True, **wheel: object) -> Files:
        """The files that publishing this release adds."""
        path = make_wheel(self.folder, name, version, **wheel)  # type: ignore[arg-type] # as given
        opened = open_wheels([path])
        files: Files = {
            release_path(name, version): yamlfile.dump(release_of_all(opened, None, url="")),
            artifact_path(name, opened[0].file): opened[0].data,
        }
        if owner:
            files[plugin_path(name)] = yamlfile.dump(
                plugin_entry_of(opened[0].wheel, [Owner("ada")])
            )
        return files

    def update(self, version: str = "1.1.0") -> Files:
        """The files of the next release of clock."""
        return self.release("clock", version, owner=False)

    def judge(
        self, files: Files, *, submission: bool = True, actor: Actor | None = None
    ) -> tuple[Finding, ...]:
        """The findings on a submission that makes these changes."""
        head = self.repo.write(self.base, files)
        return judge(
            self.repo,
            self.base,
            head,
            submission=submission,
            actor=actor,
            dependents=needs_of(self.repo, self.base).of,
            at=WHEN,
        )

    def rules(self, files: Files, *, submission: bool = True) -> set[str]:
        """The rules that refuse these changes."""
        return {one.rule for one in self.judge(files, submission=submission) if refuses(one)}

    def outcomes(self, files: Files, actor: Actor | None = ADA) -> dict[str, str]:
        """Rule -> outcome, of what is found when ``actor`` asks for these changes."""
        return {one.rule: one.outcome for one in self.judge(files, actor=actor)}

    def blob(self, data: bytes, mode: int) -> Entry:
        """A stored blob that can be set with any mode."""
        tree = self.repo.write(None, {"x": data})
        entry = self.repo.entry(tree, "x")
        assert entry
        return Entry("", mode, entry.oid)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A fresh bench."""
    with Repository.create(tmp_path / "index.git") as repo:
        yield Bench(repo, tmp_path)


def changed(data: bytes, old: str, new: str) -> bytes:
    """A text file with one thing replaced, which must be there."""
    assert old.encode() in data
    return data.replace(old.encode(), new.encode(), 1)


def edited(files: Files, path: str, old: str, new: str) -> Files:
    """Files of which one is edited."""
    data = files[path]
    assert isinstance(data, bytes)
    return {**files, path: changed(data, old, new)}


def test_an_update_and_a_new_plugin_pass(bench: Bench) -> None:
    """What publishing makes is lawful."""
    assert bench.judge(bench.update()) == ()
    assert bench.judge(bench.release("wake-on-lan", "0.1.0")) == ()


Make = Callable[[Bench], Files]
BREACHES: list[tuple[str, str, Make]] = [
    ("release edited", "release-changed", lambda b: {**b.update(), OLD: b"format: 1\n"}),
    ("release removed", "release-changed", lambda b: {**b.update(), OLD: None}),
    (
        "signature edited",
        "release-changed",
        lambda b: {**b.update(), signature_path(CLOCK, "1.0.0"): b"other"},
    ),
    (
        "signature removed",
        "release-changed",
        lambda b: {**b.update(), signature_path(CLOCK, "1.0.0"): None},
    ),
    ("wheel edited", "release-changed", lambda b: {**b.update(), OLD_WHEEL: b"PK"}),
    ("wheel removed", "release-changed", lambda b: {**b.update(), OLD_WHEEL: None}),
    (
        "release made a program",
        "release-changed",
        lambda b: {**b.update(), OLD: b.blob(b"x", 0o100755)},
    ),
    (
        "release became a folder",
        "release-changed",
        lambda b: {**b.update(), OLD: None, f"{OLD}/x": b"1"},
    ),
    (
        "symbolic link",
        "file-mode",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/x.yaml": b.blob(b"/etc", 0o120000)},
    ),
    (
        "link as the release",
        "file-mode",
        lambda b: {**b.update(), NEW: b.blob(OLD.encode(), 0o120000)},
    ),
    ("program", "file-mode", lambda b: {**b.update(), WHEEL: b.blob(b"x", 0o100755)}),
    ("submodule", "file-mode", lambda b: {**b.update(), NEW: Entry("", 0o160000, "1" * 40)}),
    ("odd mode", "file-mode", lambda b: {**b.update(), NEW: b.blob(b"x", 0o100664)}),
    (
        "decomposed name",
        "path-characters",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/u\u0308.yaml": b""},
    ),
    (
        "bytes that are no text",
        "path-characters",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/\udcff.yaml": b""},
    ),
    (
        "control character",
        "path-characters",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/a\x1b[31m.yaml": b""},
    ),
    (
        "direction override",
        "path-characters",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/a\u202e.yaml": b""},
    ),
    (
        "hidden .git",
        "path-characters",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/.g\u200cit": b""},
    ),
    ("short .git", "path-characters", lambda b: {**b.update(), "git~1/x": b""}),
    ("device of Windows", "path-characters", lambda b: {**b.update(), "artifacts/aux.txt": b""}),
    ("folder of Windows", "path-characters", lambda b: {**b.update(), "Con/ab/cd.txt": b""}),
    ("backslash", "path-characters", lambda b: {**b.update(), "a\\b": b""}),
    ("stream of Windows", "path-characters", lambda b: {**b.update(), "a:b": b""}),
    ("dot at the end", "path-characters", lambda b: {**b.update(), "a.": b""}),
    (
        "case",
        "path-collision",
        lambda b: {**b.update(), f"plugins/{shard(CLOCK)}/clock/1.1.0.YAML": b""},
    ),
    ("case of a folder", "path-collision", lambda b: {**b.update(), "Plugins/x": b""}),
    ("compatible letters", "path-collision", lambda b: {**b.update(), "ﬁx": b"", "fix": b""}),
    ("sharp s", "path-collision", lambda b: {**b.update(), "straße": b"", "STRASSE": b""}),
    ("long path", "path-length", lambda b: {**b.update(), "a/" * 20 + "b" * 240: b""}),
    (
        "two plugins",
        "one-plugin",
        lambda b: {**b.update(), **b.release("wake-on-lan", "0.1.0")},
    ),
    (
        "another's file",
        "one-plugin",
        lambda b: {**b.update(), plugin_path("wake-on-lan"): b"x"},
    ),
    ("shared file", "shared-file", lambda b: {**b.update(), POLICY: b"format: 1\n#\n"}),
    ("workflow", "shared-file", lambda b: {**b.update(), ".github/workflows/x.yml": b""}),
    ("attributes", "shared-file", lambda b: {**b.update(), ".gitattributes": b"* text\n"}),
    ("signers", "shared-file", lambda b: {**b.update(), "trust/allowed_signers": b"eve"}),
    (
        "record",
        "shared-file",
        lambda b: {**b.update(), record_path(CLOCK, "1.1.0"): b"verdict: fine\n"},
    ),
    (
        "review",
        "shared-file",
        lambda b: {**b.update(), f"reviews/{shard(CLOCK)}/clock/eve.yaml": b"rating: 5\n"},
    ),
    (
        "wrong shard",
        "shared-file",
        lambda b: {**b.update(), "plugins/00/clock/9.0.0.yaml": b"format: 1\n"},
    ),
    ("nothing", "one-release", lambda b: {}),
    (
        "two releases",
        "one-release",
        lambda b: {**b.update(), **b.update("1.2.0")},
    ),
    (
        "the facts and a record",
        "shared-file",
        lambda b: {plugin_path(CLOCK): entry(title="x"), record_path(CLOCK, "1.0.0"): b"x"},
    ),
    ("the same facts", "one-topic", lambda b: {plugin_path(CLOCK): entry() + b"# hello\n"}),
    (
        "two topics",
        "one-topic",
        lambda b: {plugin_path(CLOCK): entry(title="x", owners=(Owner("eve"),))},
    ),
    ("no owner left", "ownerless", lambda b: {plugin_path(CLOCK): entry(owners=())}),
    (
        "one owner twice",
        "ownerless",
        lambda b: {plugin_path(CLOCK): entry(owners=(Owner("eve"), Owner("eve", "7")))},
    ),
    ("the same but for a hyphen", "name-same", lambda b: b.release("c-lock", "1.0.0")),
    ("the same in print", "name-same", lambda b: b.release("c1ock", "1.0.0")),
    ("name of a popular package", "name-reserved", lambda b: b.release("requests", "1.0.0")),
    (
        "the facts in passing",
        "plugin-file-changed",
        lambda b: {**b.update(), plugin_path(CLOCK): entry(owners=(Owner("eve"),))},
    ),
    ("facts removed", "plugin-file-valid", lambda b: {**b.update(), plugin_path(CLOCK): None}),
    (
        "no owner",
        "new-plugin",
        lambda b: {k: v for k, v in b.release("lamp", "1.0.0").items() if k != plugin_path("lamp")},
    ),
    (
        "facts of another",
        "plugin-file-valid",
        lambda b: {**b.release("lamp", "1.0.0"), plugin_path("lamp"): entry()},
    ),
    (
        "facts that are none",
        "plugin-file-valid",
        lambda b: {**b.release("lamp", "1.0.0"), plugin_path("lamp"): b"name: [\n"},
    ),
    ("reserved name", "name-reserved", lambda b: b.release("acme-lamp", "1.0.0")),
    ("name of a module", "name-reserved", lambda b: b.release("json", "1.0.0")),
    (
        "large file",
        "file-too-large",
        lambda b: {**b.update(), signature_path(CLOCK, "1.1.0"): b"x" * (300 << 10)},
    ),
    ("rubbish", "release-valid", lambda b: {**b.update(), NEW: b"format: 1\nname: [\n"}),
    (
        "unknown field",
        "release-valid",
        lambda b: edited(b.update(), NEW, "license:", "licence: MIT\nlicense:"),
    ),
    (
        "not canonical",
        "release-canonical",
        lambda b: edited(b.update(), NEW, "name: clock", "name:   clock"),
    ),
    (
        "a comment",
        "release-canonical",
        lambda b: edited(b.update(), NEW, "name: clock", "# hello\nname: clock"),
    ),
    (
        "another version inside",
        "release-misplaced",
        lambda b: edited(b.update(), NEW, "version: 1.1.0", "version: 1.2.0"),
    ),
    (
        "another name inside",
        "release-misplaced",
        lambda b: edited(b.update(), NEW, "name: clock", "name: cloak"),
    ),
    ("pre-release after it", "version-order", lambda b: b.update("1.0.0rc1")),
    (
        "no such wheel",
        "artifact-missing",
        lambda b: {k: v for k, v in b.update().items() if k != WHEEL},
    ),
    ("another wheel", "artifact-missing", lambda b: {**b.update(), WHEEL: b"PK\x05\x06"}),
    (
        "another digest",
        "artifact-missing",
        lambda b: {**b.update(), NEW: with_artifact(b, sha256="0" * 64)},
    ),
    ("another size", "artifact-missing", lambda b: {**b.update(), NEW: with_artifact(b, size=7)}),
    (
        "wheel of another release",
        "artifact-place",
        lambda b: {**b.update(), NEW: with_artifact(b, path="artifacts/00/x/x.whl")},
    ),
    (
        "wheel beside",
        "artifact-unnamed",
        lambda b: {**b.update(), artifact_path(CLOCK, "clock-9.0.0-py3-none-any.whl"): b"PK"},
    ),
    (
        "signature beside",
        "artifact-unnamed",
        lambda b: {**b.update(), signature_path(CLOCK, "1.2.0"): b"x"},
    ),
    (
        "no signature",
        "signature-wrong",
        lambda b: {**b.update(), signature_path(CLOCK, "1.1.0"): b"signature"},
    ),
    (
        "no such host version",
        "host-range",
        lambda b: b.release(CLOCK, "1.1.0", owner=False, manifest={"host": {"heimnetz": ">=2,<1"}}),
    ),
    (
        "permissions left out",
        "release-differs",
        lambda b: {**b.update(), **hiding(b)},
    ),
    (
        "another summary",
        "release-differs",
        lambda b: edited(b.update(), NEW, "Tells the time", "Tells everything"),
    ),
    (
        "a wheel that is none",
        "release-differs",
        lambda b: {**b.update(), **of_bytes(b, b"not a wheel")},
    ),
]


def entry(**fields: object) -> bytes:
    """A plugin.yaml of clock."""
    plain = PluginEntry(format=1, name="clock", owners=(Owner("ada"),))
    return yamlfile.dump(msgspec.structs.replace(plain, **fields))


def release_in(files: Files, path: str = NEW) -> Release:
    """The release that a file holds."""
    data = files[path]
    assert isinstance(data, bytes)
    return yamlfile.read(data, Release, path)


def with_artifact(bench: Bench, **fields: object) -> bytes:
    """The next release of clock with its artifact changed."""
    release = release_in(bench.update())
    artifact = msgspec.structs.replace(release.artifacts[0], **fields)
    return yamlfile.dump(msgspec.structs.replace(release, artifacts=(artifact,)))


def hiding(bench: Bench) -> Files:
    """A release that does not say what its wheel declares."""
    plain = release_in(bench.update())
    asked = {"permissions": {"network": {"raw": True}}}
    files = bench.release(CLOCK, "1.1.0", owner=False, manifest=asked)
    lying = msgspec.structs.replace(plain, artifacts=release_in(files).artifacts)
    return {**files, NEW: yamlfile.dump(lying)}


def of_bytes(bench: Bench, data: bytes) -> Files:
    """A release whose artifact is truly these bytes."""
    digest = hashlib.sha256(data).hexdigest()
    return {NEW: with_artifact(bench, size=len(data), sha256=digest), WHEEL: data}


@pytest.mark.parametrize(
    ("rule", "make"), [pytest.param(rule, make, id=name) for name, rule, make in BREACHES]
)
def test_a_breach_is_found_by_its_rule(bench: Bench, rule: str, make: Make) -> None:
    """Each thing that a submission must not do, and the rule that stops it."""
    files = make(bench)
    assert rule in bench.rules(files), bench.judge(files)


def test_every_rule_has_a_breach_and_a_page() -> None:
    """No rule is untested, and its docstring is its page in the manual."""
    rules = (*law.CHANGE_RULES, *law.FACT_RULES, *law.SUBMISSION_RULES, law_tree.path_collision)
    codes = {rule.__name__.replace("_", "-") for rule in rules}
    elsewhere = {"yank-without-reason", "license-not-allowed", "not-owner", "plugin-removed"}
    elsewhere |= {"signature-required"} | CHOSEN.keys()
    assert codes - {rule for _, rule, _ in BREACHES} == elsewhere, CHOSEN
    assert all(rule.__doc__ and len(rule.__doc__) > 40 for rule in rules)
    helpers = {
        "versions_of",
        "versions_in",
        "wheels_of",
        "is_bounded",
        "gained_permissions",
        "opened",
    }
    modules = (
        law_facts, law_name, law_needs, law_promises, law_release, law_scope, law_signature
    )  # fmt: skip
    for module in modules:
        public = {getattr(module, name) for name in module.__all__ if name not in helpers}
        assert public <= set(rules)


@pytest.mark.parametrize(
    ("before", "version", "lawful"),
    [
        (["1.2.0"], "1.1.9", True),
        (["1.1.4"], "1.1.5", True),
        (["1.1.4"], "1.1.3", False),
        (["1.1.4"], "1.1.4rc1", False),
        (["1.1.4rc1"], "1.1.4", True),
        (["1.1.4", "1.2.0"], "1.1.5", True),
        (["1.1.4", "1.1.10"], "1.1.9", False),
        ([], "0.0.1", True),
    ],
)
def test_a_version_comes_next_in_its_series(
    bench: Bench, before: list[str], version: str, lawful: bool
) -> None:
    """Older series can be mended; within one, versions only rise."""
    files: Files = {}
    for old in before:
        files |= bench.update(old)
    bench.base = bench.repo.write(bench.base, files)
    assert ("version-order" not in bench.rules(bench.update(version))) == lawful


@pytest.mark.parametrize(
    ("yanked", "lawful"),
    [({"1.0.0": "loses the hour"}, True), ({"1.0.0": " "}, False), ({"3.0.0": "gone"}, False)],
)
def test_a_yank_has_a_reason_and_a_release(
    bench: Bench, yanked: dict[str, str], lawful: bool
) -> None:
    """A maintainer's change of a plugin's facts is held to that, and to no more."""
    found = bench.rules({plugin_path(CLOCK): entry(yanked=yanked)}, submission=False)
    assert bool(found) != lawful
    assert lawful or found & {"yank-without-reason", "plugin-file-valid"}


@pytest.mark.parametrize(
    ("licence", "lawful"),
    [("MIT", True), ("MIT OR Apache-2.0", True), ("GPL-3.0-only", False)],
)
def test_a_registry_can_name_its_licences(bench: Bench, licence: str, lawful: bool) -> None:
    """By policy.yaml of the base; a submission cannot change what it is judged by."""
    policy = Policy(format=1, allow_licenses=("MIT", "Apache-2.0"))
    bench.base = bench.repo.write(bench.base, {POLICY: yamlfile.dump(policy)})
    files = bench.release(CLOCK, "1.1.0", owner=False, licence=licence)
    assert ("license-not-allowed" in bench.rules(files)) != lawful
    if not lawful:
        files[POLICY] = yamlfile.dump(Policy(format=1))
        assert "license-not-allowed" in bench.rules(files)


def test_a_wheel_has_the_largest_size_of_the_policy(bench: Bench) -> None:
    """What policy.yaml says, not what is usual."""
    policy = yamlfile.dump(Policy(format=1, largest_artifact="1K"))
    bench.base = bench.repo.write(bench.base, {POLICY: policy})
    assert "file-too-large" in bench.rules(bench.update())


@pytest.mark.parametrize(
    ("store", "embedded", "lawful"),
    [
        ("either", True, True),
        ("either", False, True),
        ("embedded", False, False),
        ("url", True, False),
        ("url", False, True),
    ],
)
def test_wheels_lie_where_the_registry_says(
    bench: Bench, store: str, embedded: bool, lawful: bool
) -> None:
    """In the tree, at addresses, or either."""
    info = yamlfile.dump(msgspec.structs.replace(INFO, store=store))
    bench.base = bench.repo.write(bench.base, {REGISTRY: info})
    files = bench.update()
    if not embedded:
        files = {NEW: with_artifact(bench, path="", url="https://example.org/clock.whl")}
    assert ("artifact-place" in bench.rules(files)) != lawful


def test_a_wheel_at_an_address_is_compared_when_it_can_be_had(bench: Bench) -> None:
    """Without it a note says so; with it, it is held to the release like any other."""
    url = "https://example.org/clock-1.1.0-py3-none-any.whl"
    data = bench.update()[WHEEL]
    assert isinstance(data, bytes)
    head = bench.repo.write(bench.base, {NEW: with_artifact(bench, path="", url=url)})

    def found(answer: Callable[[Artifact], bytes] | None) -> list[tuple[str, Severity]]:
        findings = judge(bench.repo, bench.base, head, submission=True, wheel_of=answer)
        return [(one.rule, one.severity) for one in findings]

    assert found(None) == [("artifact-missing", Severity.INFO)]
    assert found(lambda _: data) == []
    assert found(lambda _: b"other") == [("artifact-missing", Severity.HIGH)]


@pytest.mark.parametrize("submission", [True, False])
def test_a_tree_that_cannot_be_read_is_refused(bench: Bench, submission: bool) -> None:
    """Names with slashes, names twice: one finding, no crash."""
    blob = bench.blob(b"x", 0o100644).oid
    for names in ([(0o100644, b"a/b", blob)], [(0o100644, b"a", blob)] * 2):
        head = hostile_tree(bench.repo, names)
        found = judge(bench.repo, bench.base, head, submission=submission)
        assert {one.rule for one in found} == {"tree-unreadable"}
        assert [one.rule for one in judge_update(bench.repo, None, head)] == ["tree-unreadable"]


def test_a_tree_that_unfolds_without_end_is_refused(bench: Bench) -> None:
    """Ten folders in each of ten levels are ten billion files in ten objects."""
    tree = bench.repo.write(None, {"f": b"x"})
    for _ in range(10):
        tree = hostile_tree(bench.repo, [(0o040000, b"%d" % n, tree) for n in range(10)])
    found = judge(bench.repo, bench.base, tree, submission=True)
    assert [one.rule for one in found] == ["too-many-files"]


def test_a_folder_of_endless_depth_is_refused(bench: Bench) -> None:
    """The walk ends where folders are deeper than any index is."""
    head = nested(bench.repo, ["d"] * 200, bench.base)
    assert "tree-unreadable" in {one.rule for one in judge_update(bench.repo, None, head)}


def test_a_missing_object_is_refused(bench: Bench) -> None:
    """A tree that names what is not there is not taken on trust."""
    head = hostile_tree(bench.repo, [(0o040000, b"plugins", "1" * 40)])
    found = judge(bench.repo, bench.base, head, submission=True)
    assert [one.rule for one in found] == ["tree-unreadable"]


def test_a_client_takes_what_a_registry_may_do(bench: Bench) -> None:
    """New releases, yanks, records, shared files and removed plugins' facts are its own affair."""
    files: Files = {
        **bench.update(),
        **bench.release("lamp", "1.0.0"),
        plugin_path(CLOCK): entry(yanked={"1.0.0": "x"}),
        record_path(CLOCK, "1.1.0"): b"format: 1\n",
        POLICY: None,
        "README.md": b"new",
        ".github/workflows/check.yml": b"",
        "collections/größe.yaml": b"",
    }
    head = bench.repo.write(bench.base, files)
    assert judge_update(bench.repo, bench.base, head) == ()
    assert judge_update(bench.repo, None, head) == ()


@pytest.mark.parametrize("path", [OLD, OLD_WHEEL, signature_path(CLOCK, "1.0.0")])
@pytest.mark.parametrize("data", [b"other", None])
def test_a_client_refuses_a_changed_past(bench: Bench, path: str, data: bytes | None) -> None:
    """An edited or removed release, signature or wheel is named."""
    head = bench.repo.write(bench.base, {path: data})
    (found,) = judge_update(bench.repo, bench.base, head)
    assert (found.rule, found.location.file) == ("release-changed", path)


def test_findings_are_printable_sorted_and_bounded(bench: Bench) -> None:
    """Escape sequences in names do not reach a terminal; a hostile tree fills no log."""
    files: Files = {f"x/\x1b[2J{number}": b"" for number in range(500)}
    found = judge_update(bench.repo, None, bench.repo.write(None, files))
    assert 0 < len(found) <= 150
    assert all(str(one).isprintable() for one in found)
    assert list(found) == sorted(found, key=lambda one: one.location.file)
