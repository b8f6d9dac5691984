"""Which revision a template belongs to, also if another controller made it.

By the label first, or by our note of the template that it was made of; only a revision without such
a note is adopted, by equality of templates or by the word of who made it. Equality alone would take
a ReplicaSet that somebody changed for the new template, and never update its pods; the label alone
would make a new revision of everything when a library writes templates in another way.
"""

from __future__ import annotations

from collections.abc import Sequence

from serinus.api import names
from serinus.api.hashes import CANON_VERSION, pod_hash, template_note
from serinus.api.template import Template
from serinus.core.rollout.actions import Action, Adopt
from serinus.core.rollout.snapshot import Revision, Snapshot


def made_of(snapshot: Snapshot, revisions: Sequence[Revision]) -> Revision | None:
    """The revision of the wanted template; None if there is none.

    Of several (a controller that made its revisions anew has twins) the one that the status calls
    current goes on; then the one with our label, the stable one, the newest.
    """
    status, template = snapshot.rollout.status, snapshot.template

    def is_current(revision: Revision) -> bool:
        named = bool(revision.hash) and revision.hash == status.current_pod_hash
        return named and (_is_of(revision, template) or _is_vouched_for(snapshot, revision))

    fitting = [
        revision
        for revision in revisions
        if revision.hash == snapshot.template_hash
        or is_current(revision)
        or _is_of(revision, template)
    ]

    def rank(revision: Revision) -> tuple[bool, bool, bool, int, str]:
        ours = revision.hash == snapshot.template_hash
        stable = revision.hash == status.stable_rs
        return is_current(revision), ours, stable, revision.number, revision.name

    return max(fitting, key=rank, default=None)


def claims(snapshot: Snapshot) -> tuple[Action, ...]:
    """Orphans are taken in before anything else, as a Deployment does.

    They may be all that answers: of a Rollout that was deleted with --cascade=orphan, or restored.
    Who is refused goes on without them, and says so.
    """
    if snapshot.refusals:
        return ()
    return tuple(Adopt(orphan.name, orphan.resource_version) for orphan in snapshot.orphans)


def note_for(snapshot: Snapshot, revision: Revision, *, current: bool) -> str:
    """The note that an adopted revision gets; "" if it needs none: ours are made with one."""
    made = snapshot.template if current else revision.template
    known = _noted(revision) or revision.hash == pod_hash(made)
    if known or (current and revision.hash == snapshot.template_hash):
        return ""
    return template_note(made)


def _is_of(revision: Revision, template: Template) -> bool:
    """By its note, unless that is of another template with the same hash; without one, as it is."""
    noted = _noted(revision)
    if not noted:
        return revision.template == template
    if noted != template_note(template):
        return False
    return revision.template == template or pod_hash(revision.template) != pod_hash(template)


def _is_vouched_for(snapshot: Snapshot, revision: Revision) -> bool:
    """Another controller saw this very spec and called a revision of its own the current one.

    Its word counts where templates seem to differ: an API server newer than our table of defaults
    has filled something in. One with our hash is ours, and its label is its proof.
    """
    status = snapshot.rollout.status
    if _noted(revision):
        return False
    counts = {None, status.collision_count}
    if any(pod_hash(revision.template, count) == revision.hash for count in counts):
        return False
    if status.observed_generation != str(snapshot.rollout.metadata.generation):
        return False
    workload = snapshot.workload
    return workload is None or status.workload_observed_generation == str(workload.generation)


def _noted(revision: Revision) -> str:
    """Our note of its template, in the form that we read; "" for none."""
    note = revision.annotations.get(names.TEMPLATE, "")
    return note if note.startswith(f"{CANON_VERSION}/") else ""
