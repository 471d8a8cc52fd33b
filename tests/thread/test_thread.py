"""The whole protocol on one small city: what PROTOCOL promises, looked for in what really lies in the folders."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from juncture.agency.attack.outcome import Findings, Outcome
from juncture.agency.grant import grant
from juncture.agency.share import approve, record_people, share
from juncture.analyst.open import open_round
from juncture.analyst.request import blind_state, take_cohort, take_release
from juncture.base.errors import AgreementForbids, LimitReached, PackageRefused, UsageError
from juncture.checker.steps import approve as checker_approve
from juncture.exchange import ledger, unlock, vault
from juncture.exchange.header import PackageKind
from juncture.exchange.ledger import Act
from juncture.exchange.quota import TICKET_LABEL, Ticket
from juncture.exchange.signing import sign
from juncture.formats.link import LinkPayload
from juncture.formats.release import ReleasePayload
from juncture.formats.tables import Proposal
from juncture.formats.unlocking import RequestPayload
from juncture.linker.link import link
from tests.thread.world import CANARY_BIRTH, WORDS, World, files_below, packages_for, run_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return run_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> World:
    return run_world(tmp_path_factory.mktemp("strangers"), overlap=False)


@pytest.fixture
def fresh(world: World, tmp_path: Path) -> Iterator[World]:
    """The same world, to be spoiled: its folders are put back afterwards."""
    kept = tmp_path / "kept"
    shutil.copytree(world.root, kept)
    delivered = set(world.stage.delivered)
    yield world
    shutil.rmtree(world.root)
    shutil.copytree(kept, world.root)
    world.stage.delivered.clear()
    world.stage.delivered.update(delivered)


def holds(data: bytes, words: tuple[str, ...]) -> list[str]:
    low = data.lower()
    return [word for word in words if word.encode() in low or word.encode("utf-16-le") in low]


# Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("party", ["linker", "analyst", "checker", "public", "police", "clinic"])
def test_no_canary_is_in_any_file_of_any_folder(world: World, party: str) -> None:
    looked_at = files_below(world.root / party)
    assert looked_at
    for path in looked_at:
        assert holds(path.read_bytes(), (*WORDS, *CANARY_BIRTH)) == [], path.name


@pytest.mark.parametrize("party", ["linker", "analyst", "checker"])
def test_no_canary_is_in_what_a_party_can_decrypt(world: World, party: str, tmp_path: Path) -> None:
    opened = list(packages_for(world, party, tmp_path))
    assert opened
    for what, payload in opened:
        assert holds(payload, (*WORDS, *CANARY_BIRTH)) == [], what


def test_no_canary_is_in_an_opened_envelope_or_the_study(world: World) -> None:
    unlocked = open_round(world.desk("analyst"))
    assert unlocked.timelines
    for timeline in unlocked.timelines.values():
        assert holds(timeline.to_bytes(), WORDS) == []
    with duckdb.connect(str(world.root / "analyst" / "study.duckdb"), read_only=True) as con:
        tables = [row[0] for row in con.execute("select table_name from information_schema.tables").fetchall()]
        assert "contacts" in tables
        for table in tables:
            text = repr(con.execute(f'select * from "{table}"').fetchall())
            assert holds(text.encode(), WORDS) == [], table


def test_no_canary_is_in_what_the_steps_tell(world: World) -> None:
    assert holds(repr(world.told).encode(), (*WORDS, *CANARY_BIRTH)) == []


def test_the_canaries_were_there_to_be_found(world: World) -> None:
    exports = [world.city / "police" / "police_rms_export.csv", world.city / "clinic" / "clinic_encounters.csv"]
    assert {word for path in exports for word in holds(path.read_bytes(), WORDS)} == set(WORDS)
    for agency in ("police", "clinic"):
        records, _ = record_people(world.desk(agency), 1)
        assert world.canary_records[agency] <= {record.split("#")[0] for record in records}


def test_the_linkage_secret_and_the_private_keys_are_in_no_file_in_clear(world: World) -> None:
    from juncture.agency.secret import linkage_secret

    secrets = [linkage_secret(world.desk("police"))]
    for desk in world.stage.desks.values():
        secrets += [desk.keys.sign_p384, desk.keys.sign_mldsa87, desk.keys.seal_p384, desk.keys.seal_mlkem1024]
    for path in files_below(world.root):
        data = path.read_bytes()
        for secret in secrets:
            assert secret not in data and secret.hex().encode() not in data, path.name


# Dates -------------------------------------------------------------------------------------------------------------


def test_no_true_date_of_a_contact_is_at_linker_analyst_or_public(world: World, tmp_path: Path) -> None:
    windows = world.desk("analyst").agreement.windows
    agreed = {str(day) for day in (*windows.selection, *windows.follow_up)}
    pattern = re.compile(rb"20(?:22|23|24|25)-[01][0-9]-[0-3][0-9]")
    texts: list[tuple[str, bytes]] = []
    for party in ("linker", "analyst", "public"):
        # The study is a database, its strings compressed; its tables are looked into by another test.
        files = [path for path in files_below(world.root / party) if path.suffix != ".duckdb"]
        texts += [(path.name, path.read_bytes()) for path in files]
    for party in ("linker", "analyst"):
        texts += list(packages_for(world, party, tmp_path))
    for name, data in texts:
        found = {match.decode() for match in pattern.findall(data)} - agreed
        assert not found, name


def test_shifted_days_are_spread_over_the_whole_circle(world: World) -> None:
    days = [t.contacts[0].day for t in open_round(world.desk("analyst")).timelines.values() if t.contacts]
    # Four years of true days would fill 4 % of the circle.
    assert len({day * 10 // 36_400 for day in days}) >= 6


def test_the_gaps_between_the_agencies_survive_the_clocks(world: World) -> None:
    """Oracle: a joint co-response is in both files within the hour, so on one clock its two records coincide."""
    unlocked = open_round(world.desk("analyst"))
    cohort = unlocked.cohort
    together = apart = 0
    for q in range(cohort.people):
        times: dict[str, set[tuple[int, int | None]]] = {}
        for a, agency in enumerate(cohort.agencies):
            for c in np.flatnonzero(cohort.best[q, a]):
                timeline = unlocked.timelines[cohort.envelope_id[q, a, c].tobytes()]
                correction = int(cohort.clock_correction[q, a, c])
                times.setdefault(agency, set()).update(
                    ((contact.day + correction) % 36_400, contact.band)
                    for contact in timeline.contacts
                    if contact.kind.endswith(".co_response")
                )
        if len(times) == 2:
            together += len(times["clinic"] & times["police"])
            apart += len(times["clinic"] ^ times["police"])
    assert together > 20
    # A few fall on two sides of a band's edge, or of a trimmed end of observation.
    assert together > 3 * apart


# Who matched -------------------------------------------------------------------------------------------------------


def shape(world: World, party: str) -> list[tuple[str, int]]:
    folder = world.root / party / "inbox"
    return [(path.name, path.stat().st_size) for path in files_below(folder)]


@pytest.mark.parametrize("agency", ["police", "clinic"])
def test_an_agency_receives_the_same_files_whether_everybody_or_nobody_matched(
    world: World, strangers: World, agency: str
) -> None:
    # A draw of the posterior may give a stranger or two the benefit of the doubt.
    assert take_cohort(world.desk("analyst"), 1).people > 15
    assert take_cohort(strangers.desk("analyst"), 1).people < 3
    assert shape(world, agency) == shape(strangers, agency)
    assert any("request" in name for name, _ in shape(world, agency))


@pytest.mark.parametrize("agency", ["police", "clinic"])
def test_what_an_agency_can_read_is_random_but_for_fixed_words(
    world: World, strangers: World, agency: str, tmp_path: Path
) -> None:
    """The bytes of the two requests that are equal are the format's; all others differ as random ones would."""
    first, second = (
        next(
            RequestPayload.from_bytes(payload).request
            for what, payload in packages_for(one, agency, tmp_path / str(number))
            if what.startswith("request")
        )
        for number, one in enumerate((world, strangers))
    )
    assert len(first) == len(second)
    quota = world.desk(agency).agreement.cohort.quota
    body = [np.frombuffer(data[-32 * quota :], dtype=np.uint8) for data in (first, second)]
    equal = float((body[0] == body[1]).mean())
    assert equal < 0.02  # 1/256 for random bytes; 32 x quota of them


def test_the_cohort_package_has_one_size(world: World, strangers: World) -> None:
    sizes = [next((one.root / "linker" / "outbox").glob("*-cohort-*")).stat().st_size for one in (world, strangers)]
    assert sizes[0] == sizes[1]


def test_the_agencies_folders_hold_no_envelope_id_of_the_cohort(world: World) -> None:
    cohort = take_cohort(world.desk("analyst"), 1)
    chosen = [row.tobytes() for row in cohort.envelope_id[cohort.in_use == 1]]
    study = [row.tobytes() for row in cohort.study_id[: cohort.people]]
    assert chosen
    for agency in ("police", "clinic"):
        for path in files_below(world.root / agency):
            if path.parent.name == "outbox":
                continue  # sealed by the agency itself, before anybody was chosen
            data = path.read_bytes()
            assert not any(one in data or one.hex().encode() in data for one in (*chosen, *study)), path.name


# Envelopes and quota -----------------------------------------------------------------------------------------------


def test_no_envelope_outside_the_cohort_opens(world: World) -> None:
    """Every key that the analyst can make of every token it holds is tried on every envelope of nobody chosen."""
    desk = world.desk("analyst")
    cohort = take_cohort(desk, 1)
    tried = 0
    for a, agency in enumerate(cohort.agencies):
        release = take_release(desk, agency, 1)
        in_use = cohort.in_use[:, a] == 1
        chosen = {row.tobytes() for row in cohort.envelope_id[:, a][in_use]}
        state = blind_state(desk, agency, 1)
        granted = unlock.Grant.parse(desk.take(PackageKind.GRANT, agency, 1).payload)
        outputs = unlock.finalize(state, granted, bytes.fromhex(release.unlock_key))
        others = [envelope for envelope in release.sealed if envelope not in chosen][:20]
        assert others and outputs
        for envelope in others:
            for token, output in outputs.items():
                key = unlock.envelope_key(
                    output,
                    token,
                    agreement_id=desk.signed.id,
                    round=1,
                    agency=agency,
                    package_id=release.package_id,
                    envelope_id=envelope,
                )
                with pytest.raises(PackageRefused):
                    unlock.open_envelope(release.sealed[envelope], key, envelope)
                tried += 1
    assert tried > 100


def test_the_tokens_of_those_not_chosen_are_gone_from_the_linkers_folder(world: World, tmp_path: Path) -> None:
    assert not list((world.root / "linker" / "inbox").glob("*-link-*"))
    cohort = take_cohort(world.desk("analyst"), 1)
    chosen = {row.tobytes() for row in cohort.unlock_token[cohort.in_use == 1]}
    payloads = [p for what, p in packages_for(world, "linker", tmp_path) if what.startswith("link ")]
    unlocked = {row.tobytes() for payload in payloads for row in LinkPayload.from_bytes(payload).unlock_token}
    assert chosen < unlocked


def ask_again(world: World, agency: str) -> None:
    """Linker and analyst together ask for other people: a second request with a ticket of its own."""
    analyst, linker = world.desk("analyst"), world.desk("linker")
    quota = analyst.agreement.cohort.quota
    request, _ = unlock.blind_tokens([], quota)
    package = take_release(analyst, agency, 1).package_id
    message = Ticket(analyst.signed.id, 1, agency, package, unlock.request_hash(request.to_bytes())).to_bytes()
    payload = RequestPayload(request.to_bytes(), message, sign(linker.keys, TICKET_LABEL, message))
    analyst.send(PackageKind.REQUEST, agency, 1, payload.to_bytes())
    world.stage.carry()


def test_linker_and_analyst_together_cannot_pass_the_quota(fresh: World) -> None:
    ask_again(fresh, "police")
    with pytest.raises(LimitReached, match="evaluations are spent"):
        grant(fresh.desk("police"))


def test_deleting_what_was_granted_does_not_refill_the_quota(fresh: World) -> None:
    ask_again(fresh, "clinic")
    shutil.rmtree(fresh.root / "clinic" / "private" / "granted")
    with pytest.raises(PackageRefused, match="was deleted, or an older copy"):
        grant(fresh.desk("clinic"))


def test_the_same_request_gets_the_same_answer_and_costs_nothing(fresh: World) -> None:
    before = grant(fresh.desk("police")).counts
    again = grant(fresh.desk("police"))
    assert again.counts == before
    assert again.files == ()


def test_a_request_without_the_linkers_signature_is_not_answered(fresh: World) -> None:
    analyst = fresh.desk("analyst")
    request, _ = unlock.blind_tokens([], analyst.agreement.cohort.quota)
    message = Ticket(
        analyst.signed.id,
        1,
        "police",
        take_release(analyst, "police", 1).package_id,
        unlock.request_hash(request.to_bytes()),
    ).to_bytes()
    forged = RequestPayload(request.to_bytes(), message, sign(analyst.keys, TICKET_LABEL, message))
    analyst.send(PackageKind.REQUEST, "police", 1, forged.to_bytes())
    fresh.stage.carry()
    with pytest.raises(PackageRefused, match="signature of linker"):
        grant(fresh.desk("police"))


# Tampering and order -----------------------------------------------------------------------------------------------


def test_a_flipped_byte_on_the_way_is_refused_and_noted(fresh: World) -> None:
    path = next((fresh.root / "analyst" / "inbox").glob("*-cohort-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(PackageRefused):
        take_cohort(fresh.desk("analyst"), 1)
    acts = [entry.act for entry in ledger.verify(fresh.desk("analyst").folder.ledger).entries]
    assert acts[-1] is Act.PACKAGE_REFUSED


def test_every_ledger_holds(world: World) -> None:
    for desk in world.stage.desks.values():
        assert ledger.verify(desk.folder.ledger).entries


def test_a_sealed_round_never_changes(world: World) -> None:
    with pytest.raises(UsageError, match="never changes"):
        share(world.desk("police"), world.city / "police" / "police.toml")
    with pytest.raises(UsageError, match="never changes"):
        link(world.desk("linker"))


def test_who_stages_cannot_approve(world: World) -> None:
    desk = world.desk("police")
    with pytest.raises(AgreementForbids, match="cannot approve"):
        approve(desk, desk.keys)


def test_a_cohort_sent_after_the_request_is_refused_and_no_token_is_told(fresh: World) -> None:
    analyst, linker = fresh.desk("analyst"), fresh.desk("linker")
    cohort = take_cohort(analyst, 1)
    tokens = cohort.unlock_token.copy()
    tokens[0] ^= 1
    linker.send(PackageKind.COHORT, "analyst", 1, replace(cohort, unlock_token=tokens).to_bytes())
    fresh.stage.carry()
    with pytest.raises(PackageRefused, match="not the one for which envelopes") as caught:
        open_round(analyst)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("planted", [{"age_band": "is mine chosen"}, {"sex": "x"}, {"race": "white"}])
def test_a_word_planted_in_an_envelope_does_not_come_through(world: World, planted: dict[str, str]) -> None:
    from juncture.analyst.open import _as_agreed

    agreement = world.desk("analyst").agreement
    assert agreement.release.race is None
    envelope, timeline = next(iter(open_round(world.desk("analyst")).timelines.items()))
    agency = "police" if envelope in take_release(world.desk("analyst"), "police", 1).sealed else "clinic"
    assert _as_agreed(timeline, agreement, agency) == timeline
    with pytest.raises(PackageRefused, match="does not release"):
        _as_agreed(replace(timeline, **planted), agreement, agency)


def test_a_proposal_that_came_after_the_review_is_not_approved(fresh: World) -> None:
    analyst, checker = fresh.desk("analyst"), fresh.desk("checker")
    proposal = Proposal.from_bytes(checker.take(PackageKind.PROPOSAL, "analyst", 1).payload)
    checker_approve(checker)
    later = replace(proposal, facts={**proposal.facts, "method": "A name."})
    analyst.send(PackageKind.PROPOSAL, "checker", 1, later.to_bytes())
    fresh.stage.carry()
    with pytest.raises(UsageError, match="has not been reviewed"):
        checker_approve(checker)


def test_a_stage_of_two_runs_is_not_sealed(fresh: World) -> None:
    """Killed between the files that it stages, a second run leaves the link payload of one and the rest of another."""
    desk = fresh.desk("police")
    place = desk.folder.round(1)
    for path in (desk.folder.private / "sent.jsonl", *desk.folder.outbox.glob("*-police-*")):
        if path.suffix == ".jsonl" or any(kind in path.name for kind in ("-link-", "-release-")):
            path.unlink()
    link_payload = LinkPayload.from_bytes(vault.recall(desk.keys, place / "staged-link", "staged link payload"))
    envelope_id = link_payload.envelope_id.copy()
    envelope_id[0] ^= 1
    other = replace(link_payload, envelope_id=envelope_id).to_bytes()
    vault.keep(desk.keys, place / "staged-link", "staged link payload", other)
    with pytest.raises(UsageError, match="is not whole"):
        approve(desk, fresh.stage.approvers["police"])
    assert not list(desk.folder.outbox.glob("*-link-*"))


def test_what_was_approved_meanwhile_is_not_staged_over(fresh: World) -> None:
    from juncture.agency import share as module

    desk = fresh.desk("police")
    before = (desk.folder.round(1) / "unlock-key").read_bytes()
    link_payload = LinkPayload.from_bytes(
        vault.recall(desk.keys, desk.folder.round(1) / "staged-link", "staged link payload")
    )
    release = ReleasePayload.from_bytes(
        vault.recall(desk.keys, desk.folder.round(1) / "staged-release", "staged release payload")
    )
    record = module.UnlockRecord(unlock.new_unlock_key(), "ab" * 16)
    with pytest.raises(UsageError, match="never changes"):
        nobody = Findings((Outcome("guessed keys", "nobody", 1, 1, 0, 1.0, True),), (), False)
        attacked = (pa.table({"person": pa.array([], pa.int32())}), np.zeros(0, np.int64), nobody)
        module._stage(desk, 1, link_payload, release, record, b"{}", attacked)
    assert (desk.folder.round(1) / "unlock-key").read_bytes() == before


@pytest.mark.parametrize("what", ["field", "key"])
def test_encodings_that_were_not_agreed_are_refused_by_the_linker(world: World, tmp_path: Path, what: str) -> None:
    from juncture.linker.link import _same_encodings

    payloads = {
        agency: LinkPayload.from_bytes(payload)
        for agency in ("clinic", "police")
        for name, payload in packages_for(world, "linker", tmp_path)
        if name == f"link from {agency}"
    }
    _same_encodings(world.desk("linker"), payloads)
    police = payloads["police"]
    if what == "field":
        # The city's agreement has the profile `tags`: no field, though it names the surname for linkage.
        payloads["police"] = replace(police, fields={"last_name": next(iter(police.keys.values()))})
    else:
        payloads["police"] = replace(police, keys=dict(list(police.keys.items())[1:]))
    with pytest.raises(PackageRefused, match=r"does not name|other widths"):
        _same_encodings(world.desk("linker"), payloads)
