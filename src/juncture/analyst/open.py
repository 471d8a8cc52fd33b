"""Opening: check the grants, unblind, and open the cohort's envelopes; everybody else's stay shut.

Which envelopes fail is never told to an agency: a spoiled envelope would ask "is this person in the cohort?".
"""

from __future__ import annotations

from dataclasses import dataclass

from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import ContactRole, Ethnicity, Race, Sex, kinds_of
from juncture.analyst.request import blind_state, take_cohort, take_release
from juncture.base.errors import PackageRefused
from juncture.base.report import Progress, silent
from juncture.exchange import unlock
from juncture.exchange.desk import Desk
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.formats.cohort import CohortPayload
from juncture.formats.release import BandTotals, HistogramRow
from juncture.formats.timeline import Timeline


@dataclass(frozen=True)
class Unlocked:
    """What a round unlocked: timelines by envelope id, the cohort, and each agency's counts of everyone.

    ``failed`` counts envelopes of the cohort that did not open or are missing.
    """

    cohort: CohortPayload
    timelines: dict[bytes, Timeline]
    histograms: dict[str, tuple[HistogramRow, ...]]
    totals: dict[str, tuple[BandTotals, ...]]
    failed: int


def open_round(desk: Desk, *, round_number: int = 1, progress: Progress = silent) -> Unlocked:
    """Open the envelopes of the cohort with the agencies' grants.

    Raises ``PackageRefused`` where a grant does not prove that the published key was used.
    """
    cohort = take_cohort(desk, round_number)
    timelines: dict[bytes, Timeline] = {}
    histograms, totals = {}, {}
    failed = 0
    for a, agency in enumerate(desk.agreement.agencies):
        release = take_release(desk, agency, round_number)
        histograms[agency], totals[agency] = release.histogram, release.totals
        grant = unlock.Grant.parse(desk.take(PackageKind.GRANT, agency, round_number).payload)
        state = blind_state(desk, agency, round_number)
        secrets = unlock.finalize(state, grant, bytes.fromhex(release.unlock_key))
        in_use = cohort.in_use[:, a] == 1
        refs = {
            envelope.tobytes(): token.tobytes()
            for envelope, token in zip(cohort.envelope_id[:, a][in_use], cohort.unlock_token[:, a][in_use], strict=True)
        }
        if not secrets.keys() >= set(refs.values()):
            raise PackageRefused(
                f"The cohort is not the one for which envelopes of {agency} were asked for.",
                remedy="Somebody sent another cohort package since: ask the linker which one is right.",
            )
        for i, (envelope, token) in enumerate(refs.items()):
            progress(f"Opening envelopes of {agency}", i, len(refs))
            key = unlock.envelope_key(
                secrets[token],
                token,
                agreement_id=desk.signed.id,
                round=round_number,
                agency=agency,
                package_id=release.package_id,
                envelope_id=envelope,
            )
            try:
                plain = unlock.unpad(unlock.open_envelope(release.sealed[envelope], key, envelope))
                timelines[envelope] = _as_agreed(Timeline.from_bytes(plain), desk.agreement, agency)
            except (PackageRefused, KeyError):
                failed += 1
    desk.note(Act.UNLOCKED, envelopes=len(timelines))
    return Unlocked(cohort=cohort, timelines=timelines, histograms=histograms, totals=totals, failed=failed)


def _as_agreed(timeline: Timeline, agreement: Agreement, agency: str) -> Timeline:
    """The timeline, if it holds only words that the agreement lets this agency release; else ``PackageRefused``.

    A word of the agency's own, planted in one envelope, could come out again in a released table and so tell the
    agency that its person was chosen.
    """
    family, release = agreement.party[agency].family, agreement.release
    kinds = {f"{agency}.{word}" for word in kinds_of(family)} if family else set()
    if not all(contact.kind in kinds for contact in timeline.contacts):
        raise PackageRefused("An envelope holds a kind of contact that its agency does not have.")
    told = (
        ({contact.role for contact in timeline.contacts}, set(ContactRole) if release.role else set()),
        ({timeline.sex}, set(Sex) if release.sex else set()),
        ({timeline.age_band}, set(release.birth_date.words) if release.birth_date else set()),
        ({timeline.race}, set(Race) if release.race else set()),
        ({timeline.ethnicity}, set(Ethnicity) if release.ethnicity else set()),
    )
    if not all(words <= {*allowed, None} for words, allowed in told):
        raise PackageRefused("An envelope holds a word that the agreement does not release.")
    return timeline
