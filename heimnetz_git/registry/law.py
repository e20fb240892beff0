"""The law of the index: what may change between two of its trees. Pure; one table of rules.

The client holds every update to ``judge_update``; publishing, the check of a submission and its
merge hold a change to ``judge``. Rules see parsed objects and their ids, never the text of a diff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import POLICY, REGISTRY
from heimnetz_git.model.registry import Policy, RegistryInfo
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry import (
    law_facts,
    law_name,
    law_needs,
    law_promises,
    law_release,
    law_scope,
    law_signature,
    law_tree,
)
from heimnetz_git.registry.law_case import LATEST, NONE_REBUILT, Actor, Case, finding
from heimnetz_git.registry.law_outcome import refuses, with_outcomes
from heimnetz_git.registry.law_update import (
    MOST_FINDINGS,
    judge_update,
    of_tree,
    ordered,
    unreadable,
)
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository

__all__ = ["CHANGE_RULES", "FACT_RULES", "SUBMISSION_RULES", "judge", "judge_update", "refuses"]

Rule = Callable[[Case], Iterable[Finding]]
T = TypeVar("T", bound=msgspec.Struct)
MOST_FILES = 1000

# Held by every change of an index, whoever makes it.
CHANGE_RULES = law_tree.CHANGE_RULES
# Held by every change of a plugin's facts.
FACT_RULES: tuple[Rule, ...] = (law_scope.plugin_file_valid, law_scope.yank_without_reason)
# Held by a submission too: it adds one release of one plugin, or changes its facts; nothing else.
SUBMISSION_RULES: tuple[Rule, ...] = (
    law_scope.one_plugin,
    law_scope.shared_file,
    law_scope.one_release,
    law_scope.plugin_file_changed,
    law_scope.new_plugin,
    law_name.name_reserved,
    law_name.name_same,
    law_name.name_similar,
    law_name.name_upstream,
    law_scope.file_too_large,
    law_facts.not_owner,
    law_facts.signature_required,
    law_signature.signature_wrong,
    law_signature.signature_unknown,
    law_facts.facts_unproven,
    law_facts.one_topic,
    law_facts.ownerless,
    law_facts.newest_yanked,
    law_facts.successor_missing,
    law_facts.plugin_removed,
    law_facts.removal,
    law_facts.adoption,
    law_needs.requirement_unbounded,
    law_needs.requirement_unmet,
    law_needs.version_skipped,
    law_needs.plugin_broken,
    law_release.release_valid,
    law_release.release_canonical,
    law_release.release_misplaced,
    law_release.version_order,
    law_release.license_not_allowed,
    law_release.artifact_place,
    law_release.artifact_missing,
    law_release.artifact_unnamed,
    law_release.release_differs,
    law_promises.permissions_grown,
    law_promises.license_file_missing,
    law_promises.host_range,
    law_promises.host_unbounded,
    law_promises.not_reproduced,
)


def judge(  # noqa: PLR0913 # a change, and what is known around it
    repo: Repository,
    base_tree: str | None,
    head_tree: str,
    *,
    submission: bool,
    wheel_of: Callable[[Artifact], bytes] | None = None,
    actor: Actor | None = None,
    dependents: Callable[[str], frozenset[str]] | None = None,
    at: int = LATEST,
    rebuilt: Mapping[str, bool] = NONE_REBUILT,
) -> tuple[Finding, ...]:
    """What the law has against going from one tree to the other, in a stable order.

    ``submission`` holds it to the rules for a release too. ``wheel_of`` gets wheels that the
    registry does not hold itself; without it they are noted as not compared. ``actor`` is who is
    proved to ask for it; ``dependents`` gives the plugins that require one; ``at`` is the Unix
    time to judge signing keys by; ``rebuilt`` what is known of wheels built anew. Each finding has
    its outcome. Registry, policy, keys and owners are those of the base.
    """
    try:
        changes = tuple(islice(repo.diff(base_tree, head_tree), MOST_FILES + 1))
        if submission and len(changes) > MOST_FILES:
            said = f"More than {MOST_FILES} files changed."
            return (finding("too-many-files", changes[-1].path, said),)
        info = _shared(repo, base_tree, REGISTRY, RegistryInfo)
        policy = _shared(repo, base_tree, POLICY, Policy) or Policy(format=1)
        case = Case(
            repo,
            base_tree,
            head_tree,
            changes,
            info,
            policy,
            wheel_of,
            actor,
            dependents,
            at,
            rebuilt,
        )
        rules = (*FACT_RULES, *SUBMISSION_RULES) if submission else FACT_RULES
        whole = changes if len(changes) <= MOST_FILES else repo.diff(base_tree, head_tree)
        found = [*of_tree(repo, head_tree, whole)]
    except HeimnetzError as error:
        return (unreadable(error),)
    for rule in rules:
        found += _guarded(rule, case)
    return with_outcomes(ordered(found), policy)


def _guarded(rule: Rule, case: Case) -> list[Finding]:
    try:
        return list(islice(rule(case), MOST_FINDINGS))
    except HeimnetzError as error:
        return [unreadable(error)]
    except Exception as error:
        # A fault of ours that a hostile file brought out: that one is refused, and the others of a
        # batch are still judged.
        name = rule.__name__.replace("_", "-")
        said = f"The rule {name!r} could not judge it: {printable(repr(error))}."
        where = case.placed[0].path if case.placed else "/"
        return [finding("rule-failed", where, said, severity=Severity.CRITICAL)]


def _shared(repo: Repository, tree: str | None, path: str, kind: type[T]) -> T | None:
    entry = repo.entry(tree, path) if tree else None
    return yamlfile.read(repo.read(entry.oid), kind, path) if entry else None
