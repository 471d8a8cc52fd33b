"""Where a party stands: the workflow as one table, and what a folder says about it.

:data:`WORKFLOW` lists the stages of every role in their order, each with what makes it done, what it waits for and the
command that does it. :func:`status` reads the folder only: no key is opened and nothing is verified or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from juncture.agreement.model import UNKNOWN_KEYS, Agreement
from juncture.agreement.read import agreement_id, read_agreement
from juncture.agreement.vocabulary import PartyRole
from juncture.base.errors import JunctureError
from juncture.base.folder import PartyFolder
from juncture.exchange import ledger
from juncture.exchange.desk import SENT_FILE, packages_in
from juncture.exchange.header import PackageKind, read_header_bytes
from juncture.exchange.keys import read_public
from juncture.exchange.ledger import Act
from juncture.exchange.lines import whole_lines
from juncture.exchange.signed_agreement import signature_faults

#: Days after a party's last act from which something waited for is called overdue.
PATIENCE = timedelta(days=14)
#: Days before the agreement's end from which it is announced.
NOTICE = timedelta(days=30)


class Stage(StrEnum):
    """A state that a party's work in a round passes through, named by what is then done."""

    KEYS_MADE = "keys made"
    AGREEMENT_HERE = "agreement in the folder"
    KEYS_NAMED = "agreement names the keys of every party"
    SIGNED = "agreement signed"
    BINDING = "agreement signed by every party"
    SECRET_COMMITTED = "share of the linkage secret committed to"
    SECRET_REVEALED = "share of the linkage secret sent"
    SECRET_AGREED = "linkage secret made"
    SECRET_CONFIRMED = "linkage secret the same at every agency"
    STAGED = "people staged"
    APPROVED = "release approved and sealed"
    GRANTED = "request answered"
    LINKED = "people linked, cohort sealed"
    TICKETED = "requests ticketed"
    BLINDED = "requests blinded"
    REQUESTED = "requests sent"
    UNLOCKED = "envelopes opened, study built"
    FOUND = "findings computed"
    PROPOSED = "tables proposed"
    ANSWERED = "checker's decision arrived"
    REVIEWED = "proposal reviewed"
    DECIDED = "release decided"
    RELEASED = "tables released"


@dataclass(frozen=True)
class Facts:
    """What the folder says of one round, nothing of it verified.

    ``acts`` maps each act of the ledger under this agreement (and before any) to the day it was last done; ``sent``
    and ``arrived`` hold (kind, other party) of the packages of the round that were sealed here and that lie in the
    inbox; ``faults`` says, by party, what the agreement lacks before it binds.
    """

    folder: PartyFolder
    agreement: Agreement | None
    round: int
    acts: dict[Act, date]
    sent: frozenset[tuple[PackageKind, str]]
    arrived: frozenset[tuple[PackageKind, str]]
    faults: tuple[str, ...]

    def others(self, role: PartyRole) -> tuple[str, ...]:
        """The parties of ``role``, without this one."""
        if self.agreement is None:
            return ()
        named = sorted(name for name, party in self.agreement.party.items() if party.role is role)
        return tuple(name for name in named if name != self.folder.party)

    def all_sent(self, kind: PackageKind, role: PartyRole) -> bool:
        """Whether ``kind`` was sealed for every other party of ``role``."""
        return all((kind, name) in self.sent for name in self.others(role))


@dataclass(frozen=True)
class Step:
    """One line of the workflow: the stage it reaches, for whom, and how.

    ``done_when`` and ``waits_for`` are the words of what ``done`` and ``missing`` find in the facts; ``missing``
    yields a sentence for each thing that has not arrived.
    """

    stage: Stage
    roles: frozenset[PartyRole]
    done_when: str
    done: Callable[[Facts], bool]
    command: str
    waits_for: str = ""
    missing: Callable[[Facts], tuple[str, ...]] = lambda facts: ()
    act: Act | None = None


@dataclass(frozen=True)
class Status:
    """Where a party stands: stages done with their day (None: not in the ledger), the next one, and what it needs.

    ``command`` is ready to paste, empty where only others can go on; ``to_send`` are (file name, recipient) of the
    outbox in this round.
    """

    party: str
    role: PartyRole | None
    round: int
    done: tuple[tuple[Stage, date | None], ...]
    next_stage: Stage | None
    waiting: tuple[str, ...]
    command: str
    overdue: tuple[str, ...]
    to_send: tuple[tuple[str, str], ...]


def _awaits(*wanted: tuple[PackageKind, PartyRole]) -> Callable[[Facts], tuple[str, ...]]:
    def missing(facts: Facts) -> tuple[str, ...]:
        return tuple(
            f"from {name}: the {kind.description}"
            for kind, role in wanted
            for name in facts.others(role)
            if (kind, name) not in facts.arrived
        )

    return missing


def _acted(act: Act) -> Callable[[Facts], bool]:
    return lambda facts: act in facts.acts


def _sent(kind: PackageKind, role: PartyRole) -> Callable[[Facts], bool]:
    return lambda facts: facts.agreement is not None and facts.all_sent(kind, role)


def _keys_named(facts: Facts) -> bool:
    if facts.agreement is None or facts.agreement.is_draft or facts.folder.party not in facts.agreement.party:
        return False
    own = facts.folder.public_keys(facts.folder.party)
    return own.exists() and read_public(own).fingerprint == facts.agreement.party[facts.folder.party].keys


def _keys_missing(facts: Facts) -> tuple[str, ...]:
    if facts.agreement is None:
        return ()
    party = facts.agreement.party.items()
    missing = [name for name, p in party if p.keys == UNKNOWN_KEYS and not facts.folder.public_keys(name).exists()]
    return tuple(f"from {name}: its public-key file" for name in sorted(missing))


_EVERYBODY = frozenset(PartyRole)
_AGENCY, _LINKER = frozenset({PartyRole.AGENCY}), frozenset({PartyRole.LINKER})
_ANALYST, _CHECKER = frozenset({PartyRole.ANALYST}), frozenset({PartyRole.CHECKER})
_K, _R = PackageKind, PartyRole

WORKFLOW: tuple[Step, ...] = (
    Step(
        Stage.KEYS_MADE, _EVERYBODY, "the party's private keys lie in keys/",
        lambda facts: facts.folder.own_keys.exists(), "juncture keys new", act=Act.KEYS_MADE,
    ),
    Step(
        Stage.AGREEMENT_HERE, _EVERYBODY, "agreement.toml lies in the folder",
        lambda facts: facts.folder.agreement.exists(), "juncture agree new",
        "the agreement, unless this party writes it",
        lambda facts: ("from the party that writes it: agreement.toml (`juncture agree new` writes it here)",),
    ),
    Step(
        Stage.KEYS_NAMED, _EVERYBODY, "the agreement names a fingerprint for every party, and this party's own",
        _keys_named, "juncture agree new", "the public keys of every party", _keys_missing,
    ),
    Step(
        Stage.SIGNED, _EVERYBODY, "this party's signature lies beside the agreement",
        lambda facts: facts.folder.signature(facts.folder.party).exists(), "juncture agree sign",
        act=Act.AGREEMENT_SIGNED,
    ),
    Step(
        Stage.BINDING, _EVERYBODY, "every signature is here and verifies",
        lambda facts: facts.agreement is not None and not facts.faults, "juncture agree check",
        "the signatures of every other party", lambda facts: facts.faults,
    ),
    Step(
        Stage.SECRET_COMMITTED, _AGENCY, "a commitment lies in the outbox for every other agency",
        _sent(_K.COMMITMENT, _R.AGENCY), "juncture keys exchange", act=Act.SECRET_COMMITTED,
    ),
    Step(
        Stage.SECRET_REVEALED, _AGENCY, "the share lies in the outbox for every other agency",
        _sent(_K.SHARE, _R.AGENCY), "juncture keys exchange",
        "the commitments of every other agency", _awaits((_K.COMMITMENT, _R.AGENCY)),
    ),
    Step(
        Stage.SECRET_AGREED, _AGENCY, "the secret lies in private/",
        lambda facts: (facts.folder.private / "linkage-secret").exists(), "juncture keys exchange",
        "the shares of every other agency", _awaits((_K.SHARE, _R.AGENCY)), Act.SECRET_AGREED,
    ),
    Step(
        Stage.SECRET_CONFIRMED, _AGENCY, "private/ notes that all agencies confirmed it",
        lambda facts: (facts.folder.private / "linkage-secret.confirmed").exists(), "juncture keys exchange",
        "the confirmations of every other agency", _awaits((_K.CONFIRMATION, _R.AGENCY)), Act.SECRET_CONFIRMED,
    ),
    Step(
        Stage.STAGED, _AGENCY, "what would leave is staged in private/",
        lambda facts: all(
            (facts.folder.private / f"round-{facts.round}" / part).exists()
            for part in ("staged-link", "staged-release", "unlock-key")
        ),
        "juncture agency share SOURCE.toml", act=Act.SHARE_STAGED,
    ),
    Step(
        Stage.APPROVED, _AGENCY, "both packages lie in the outbox",
        lambda facts: facts.all_sent(_K.LINK, _R.LINKER) and facts.all_sent(_K.RELEASE, _R.ANALYST),
        "juncture agency approve", act=Act.SHARE_APPROVED,
    ),
    Step(
        Stage.GRANTED, _AGENCY, "the grant lies in the outbox", _sent(_K.GRANT, _R.ANALYST),
        "juncture agency grant", "the analyst's request", _awaits((_K.REQUEST, _R.ANALYST)), Act.UNLOCK_GRANTED,
    ),
    Step(
        Stage.LINKED, _LINKER, "the cohort lies in the outbox", _sent(_K.COHORT, _R.ANALYST),
        "juncture linker link", "a link package of every agency", _awaits((_K.LINK, _R.AGENCY)), Act.COHORT_CHOSEN,
    ),
    Step(
        Stage.TICKETED, _LINKER, "the tickets lie in the outbox", _sent(_K.TICKET, _R.ANALYST),
        "juncture linker ticket", "the analyst's ticket request", _awaits((_K.TICKET_REQUEST, _R.ANALYST)),
        Act.TICKETED,
    ),
    Step(
        Stage.BLINDED, _ANALYST, "the ticket request lies in the outbox", _sent(_K.TICKET_REQUEST, _R.LINKER),
        "juncture analyst request", "the cohort, and a release package of every agency",
        _awaits((_K.COHORT, _R.LINKER), (_K.RELEASE, _R.AGENCY)), Act.UNLOCK_REQUESTED,
    ),
    Step(
        Stage.REQUESTED, _ANALYST, "a request lies in the outbox for every agency", _sent(_K.REQUEST, _R.AGENCY),
        "juncture analyst request", "the linker's tickets", _awaits((_K.TICKET, _R.LINKER)),
    ),
    Step(
        Stage.UNLOCKED, _ANALYST, "the ledger says that a study was built", _acted(Act.STUDIED),
        "juncture analyst unlock", "the grant of every agency", _awaits((_K.GRANT, _R.AGENCY)), Act.STUDIED,
    ),
    Step(
        Stage.FOUND, _ANALYST, "a proposal lies in private/",
        lambda facts: (facts.folder.private / f"round-{facts.round}" / "proposal.json").exists(),
        "juncture analyst findings",
    ),
    Step(
        Stage.PROPOSED, _ANALYST, "the proposal lies in the outbox", _sent(_K.PROPOSAL, _R.CHECKER),
        "juncture analyst propose", act=Act.PROPOSED,
    ),
    Step(
        Stage.ANSWERED, _ANALYST, "the checker's decision lies in the inbox",
        lambda facts: not _awaits((_K.DECISION, _R.CHECKER))(facts), "",
        "the checker's decision", _awaits((_K.DECISION, _R.CHECKER)),
    ),
    Step(
        Stage.REVIEWED, _CHECKER, "the ledger says that it was reviewed", _acted(Act.REVIEWED),
        "juncture checker review", "the analyst's proposal", _awaits((_K.PROPOSAL, _R.ANALYST)), Act.REVIEWED,
    ),
    Step(
        Stage.DECIDED, _CHECKER, "the decision lies in the outbox", _sent(_K.DECISION, _R.ANALYST),
        "juncture checker approve", act=Act.DECIDED,
    ),
    Step(
        Stage.RELEASED, _CHECKER, "the ledger says that the tables were released", _acted(Act.RELEASED),
        "juncture checker release PUBLIC_FOLDER", act=Act.RELEASED,
    ),
)  # fmt: skip


def steps_of(role: PartyRole | None) -> tuple[Step, ...]:
    """The steps of a role in their order; those of everybody while the role is not known yet."""
    return tuple(step for step in WORKFLOW if (role in step.roles if role else step.roles == _EVERYBODY))


def read_facts(folder: PartyFolder, *, round_number: int = 1) -> Facts:
    """What ``folder`` says of a round; raises ``InputError`` for a wrong agreement, ``PackageRefused`` for a ledger."""
    agreement = read_agreement(folder.agreement) if folder.agreement.exists() else None
    this_agreement = agreement_id(agreement) if agreement is not None else ""
    acts = {
        entry.act: date.fromisoformat(entry.time[:10])
        for entry in ledger.verify(folder.ledger).entries
        if entry.agreement_id in ("", this_agreement)
    }

    def packages(place: str) -> frozenset[tuple[PackageKind, str]]:
        found = [header for _, header in packages_in(folder.root / place)]
        if place == "outbox":  # what was sealed counts, also where somebody moved it away
            found += map(read_header_bytes, whole_lines(folder.private / SENT_FILE)[0])
        return frozenset(
            (header.kind, header.recipient if place == "outbox" else header.sender)
            for header in found
            if (header.agreement_id, header.round) == (this_agreement, round_number)
        )

    return Facts(
        folder=folder,
        agreement=agreement,
        round=round_number,
        acts=acts,
        sent=packages("outbox"),
        arrived=packages("inbox"),
        faults=_faults(folder, agreement),
    )


def status(folder: PartyFolder, *, today: date, round_number: int = 1) -> Status:
    """Where the party of ``folder`` stands in a round on the UTC date ``today``."""
    facts = read_facts(folder, round_number=round_number)
    own = facts.agreement.party.get(folder.party) if facts.agreement else None
    steps = steps_of(own.role if own else None)
    undone = [step for step in steps if not step.done(facts)]
    following = undone[0] if undone else None
    waiting = following.missing(facts) if following else ()
    return Status(
        party=folder.party,
        role=own.role if own else None,
        round=round_number,
        done=tuple(
            (step.stage, facts.acts.get(step.act) if step.act else None) for step in steps if step not in undone
        ),
        next_stage=following.stage if following else None,
        waiting=waiting,
        command=following.command if following and not waiting else "",
        overdue=_overdue(facts, waiting, today),
        to_send=tuple(
            (path.name, header.recipient) for path, header in packages_in(folder.outbox) if header.round == round_number
        ),
    )


def _faults(folder: PartyFolder, agreement: Agreement | None) -> tuple[str, ...]:
    if agreement is None:
        return ()
    if agreement.is_draft:
        return ("the agreement still is a draft",)
    try:
        return tuple(f"from {fault}" for fault in signature_faults(folder, agreement))
    except JunctureError as error:
        return (error.message,)


def _overdue(facts: Facts, waiting: tuple[str, ...], today: date) -> tuple[str, ...]:
    found = []
    if facts.agreement is not None:
        end = facts.agreement.expires
        if today > end:
            found.append(f"The agreement expired on {end}: destroy the keys and what was kept under it.")
        elif end - today <= NOTICE:
            found.append(f"The agreement expires on {end}.")
    last = max(facts.acts.values(), default=today)
    if waiting and today - last >= PATIENCE:
        found.append(f"Nothing has happened here since {last}; ask for what is waited for.")
    return tuple(found)
