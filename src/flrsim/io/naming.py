"""Which structures of a file are wanted, and under which names: by the file's own names first, by number only without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flrsim.anatomy import COUINAUD_LABELS, SEGMENTS, branch_name, segment_name, structure_kind
from flrsim.errors import AnatomyError
from flrsim.forensics import listed

ALL_SEGMENTS = "S1 … S8, S4a, S4b"


@dataclass(frozen=True)
class Naming:
    """How one key of a case reads a file.

    Attributes
    ----------
    wanted : what is read, in words, for sentences.
    of_label : label and source → name, for labels without a name of their own; raises when the number says nothing.
    choose : own names and source → structure name of those that are wanted; the others are left out and said.
    labels : label → name as a person gave it, which outranks the file's own names.
    """

    wanted: str
    of_label: Callable[[int, str], str]
    choose: Callable[[Sequence[str], str], dict[str, str]]
    labels: Mapping[int, str] = field(default_factory=dict)

    def ignored(self, unread: Sequence[str], source: str) -> tuple[str, ...]:
        """Return a warning that names what is left out of a file, or nothing."""
        return (f"{source}: not read as {self.wanted}: {listed(unread)}",) if unread else ()


def segment_naming(labels: Mapping[int, str], names: Mapping[str, str]) -> Naming:
    """Return how the liver's segments are read.

    Parameters
    ----------
    labels : ``anatomy.labels``, label → segment.
    names : ``anatomy.names``, a file's own name → segment, lesion or vessel.
    """

    def of_label(label: int, source: str) -> str:
        text = labels.get(label) or COUINAUD_LABELS.get(label)
        found = segment_name(text) if text is not None else None
        if found is None and label in labels:
            raise AnatomyError(
                f'anatomy.labels.{label}: "{text}" is not a segment; segments are {", ".join(SEGMENTS)}'
            )
        if found is None:
            raise AnatomyError(
                f"{source} has the label {label}, which is not a segment; labels 1 to 8 are S1 to S8: "
                "remove it, or name it in [anatomy.labels]"
            )
        return found

    def choose(own: Sequence[str], source: str) -> dict[str, str]:
        found = {name: segment_name(names.get(name, name)) for name in own}
        chosen = {name: segment for name, segment in found.items() if segment is not None}
        if not chosen:
            raise AnatomyError(
                f"{source} names {listed(own)}: none is a segment; name them {ALL_SEGMENTS} in the file, or say in "
                f'[anatomy.names] which is which, e.g. "{own[0]}" = "S5"'
            )
        return chosen

    return Naming("segments", of_label, choose, labels)


def lesion_naming(names: Mapping[str, str]) -> Naming:
    """Return how lesions are read: everything a file names that is not known to be something else."""

    def choose(own: Sequence[str], source: str) -> dict[str, str]:
        said = {name: names.get(name, name) for name in own}
        chosen = {n: as_named for n, as_named in said.items() if structure_kind(as_named) in ("lesion", None)}
        if not chosen:
            raise AnatomyError(
                f"{source} names {listed(own)}: none is a lesion; say in [anatomy.names] which is, e.g. "
                f'"{own[0]}" = "L1", or leave the key out if there is none'
            )
        return chosen

    return Naming("lesions", lambda label, source: f"L{label}", choose)


def vessel_naming(tree: str, labels: Mapping[int, str], names: Mapping[str, str]) -> Naming:
    """Return how a vessel file is read.

    When some names say which tree they are of, those are read; when none does, the whole file is the tree and
    its names are the branches.

    Parameters
    ----------
    tree : ``portal_vein``, ``hepatic_vein`` or ``unsplit``.
    labels : label → branch, as a person gave it.
    """
    kinds = ("unsplit", "portal_vein", "hepatic_vein") if tree == "unsplit" else (tree,)
    others = {"portal_vein", "hepatic_vein", "unsplit"} - set(kinds)

    def of_label(label: int, source: str) -> str:
        return labels.get(label) or (tree if label == 1 else f"branch {label}")

    def choose(own: Sequence[str], source: str) -> dict[str, str]:
        said = {name: names.get(name, name) for name in own}
        found = {name: structure_kind(as_named) for name, as_named in said.items()}
        mine = [name for name in own if found[name] in kinds]
        if not mine and any(kind in others for kind in found.values()):
            raise AnatomyError(
                f"{source} names {listed(own)}: none is of the {tree.replace('_', ' ')}; say in [anatomy.names] which is, e.g. "
                f'"{own[0]}" = "{tree.replace("_", " ")}"'
            )
        # In a file of unsplit vessels a name that says its tree keeps it.
        return {
            name: said[name]
            if tree == "unsplit" and found[name] in ("portal_vein", "hepatic_vein")
            else branch_name(said[name], tree)
            for name in mine or own
        }

    return Naming("vessels" if tree == "unsplit" else tree.replace("_", " "), of_label, choose, labels)
