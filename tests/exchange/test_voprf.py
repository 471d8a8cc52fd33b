"""The blind evaluation against RFC 9497's own vectors and against the PyPI package ``voprf`` 0.2.0 (Rust)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voprf import ristretto as other

from juncture.base.errors import PackageRefused, UsageError
from juncture.exchange import voprf
from juncture.exchange.voprf import Mode

VECTOR_FILE = Path(__file__).parent / "vectors" / "rfc9497_ristretto255_sha512.json"
VECTORS = json.loads(VECTOR_FILE.read_text("utf-8"))
CASES = [
    pytest.param(Mode(block["mode"]), block, vector, id=f"A.1.{block['mode'] + 1}.{number}")
    for block in VECTORS["modes"]
    for number, vector in enumerate(block["vectors"], 1)
]
PROVED = [case for case in CASES if case.values[0] is Mode.VOPRF]
SEED = bytes.fromhex(VECTORS["seed"])
INFO = bytes.fromhex(VECTORS["key_info"])
ORDER = 2**252 + 27742317777372353535851937790883648493

IDENTITY = bytes(32)
NOT_CANONICAL = (2**255 - 19).to_bytes(32, "little")  # 0 modulo p, written as p
# RFC 9496, section 4.3.1: an encoding is no negative field element, that is, it is even when reduced.
NEGATIVE = (1).to_bytes(32, "little")
BAD_ELEMENTS = {
    "identity": IDENTITY,
    "p": NOT_CANONICAL,
    "negative": NEGATIVE,
    "ones": b"\xff" * 32,
    "short": b"\x02" * 31,
}
BAD_SCALARS = {
    "zero": bytes(32),
    "order": ORDER.to_bytes(32, "little"),
    "order + 1": (ORDER + 1).to_bytes(32, "little"),
    "ones": b"\xff" * 32,
    "short": b"\x01" * 31,
}


def unhex(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def exchange(count: int, key: bytes) -> tuple[list[bytes], list[bytes], list[bytes], list[bytes], bytes]:
    messages = [bytes([number]) for number in range(count)]
    blinds, elements = zip(*(voprf.blind(message) for message in messages), strict=True)
    evaluated, proof = voprf.blind_evaluate(key, elements)
    return messages, list(blinds), list(elements), evaluated, proof


def test_there_are_as_many_vectors_as_in_the_appendix() -> None:
    assert [len(block["vectors"]) for block in VECTORS["modes"]] == [2, 3]


@pytest.mark.parametrize(("mode", "block", "vector"), CASES)
def test_client_and_direct_evaluation_against_rfc_9497(mode: Mode, block: Any, vector: Any) -> None:
    private, public = voprf.derive_key_pair(SEED, INFO, mode)
    assert private.hex() == block["private"]
    assert public.hex() == block.get("public", public.hex())
    for index, message in enumerate(unhex(vector["input"])):
        secret, element = voprf.blind(message, scalar=bytes.fromhex(vector["blind"][index]), mode=mode)
        assert element.hex() == vector["blinded"][index]
        evaluated = voprf.evaluate_element(private, element)
        assert evaluated.hex() == vector["evaluated"][index]
        assert voprf.unblind(message, secret, evaluated).hex() == vector["output"][index]
        assert voprf.evaluate(private, message, mode).hex() == vector["output"][index]


@pytest.mark.parametrize(("mode", "block", "vector"), PROVED)
def test_server_and_proof_against_rfc_9497(mode: Mode, block: Any, vector: Any) -> None:
    private, public = bytes.fromhex(block["private"]), bytes.fromhex(block["public"])
    elements = unhex(vector["blinded"])
    evaluated, proof = voprf.blind_evaluate(private, elements, nonce=bytes.fromhex(vector["nonce"]))
    assert [value.hex() for value in evaluated] == vector["evaluated"]
    assert proof.hex() == vector["proof"]
    outputs = voprf.finalize(unhex(vector["input"]), unhex(vector["blind"]), elements, evaluated, proof, public)
    assert [value.hex() for value in outputs] == vector["output"]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.binary(min_size=32, max_size=32), info=st.binary(max_size=40), message=st.binary(min_size=1, max_size=80)
)
def test_keys_and_outputs_equal_those_of_the_voprf_package(seed: bytes, info: bytes, message: bytes) -> None:
    server = other.Evaluator.from_seed(seed, info)
    private, public = voprf.derive_key_pair(seed, info)
    assert public == server.public_key.serialize()
    assert voprf.evaluate(private, message) == server.evaluate_known_input(message)


def test_our_client_with_the_server_of_the_voprf_package() -> None:
    server = other.Evaluator.from_seed(SEED, INFO)
    messages = [b"one", b"two", b"three"]
    blinds, elements = zip(*(voprf.blind(message) for message in messages), strict=True)
    answer = server.evaluate_batch([other.BlindedInput.deserialize(value) for value in elements]).serialize()
    proof, evaluated = answer[:64], [answer[start : start + 32] for start in range(64, 160, 32)]
    outputs = voprf.finalize(messages, blinds, elements, evaluated, proof, server.public_key.serialize())
    assert outputs == [server.evaluate_known_input(message) for message in messages]


def test_our_server_with_the_client_of_the_voprf_package() -> None:
    private, public = voprf.derive_key_pair(SEED, INFO)
    messages = [b"one", b"two", b"three"]
    clients = [other.Client.blind(message) for message in messages]
    evaluated, proof = voprf.blind_evaluate(private, [element.serialize() for _, element in clients])
    outputs = other.Client.finalize_batch(
        [client for client, _ in clients],
        other.VerifiableBatchOutput.deserialize(proof + b"".join(evaluated)),
        other.PublicKey.deserialize(public),
    )
    assert outputs == [voprf.evaluate(private, message) for message in messages]


def test_a_blind_hides_the_input_and_differs_each_time() -> None:
    first, second = voprf.blind(b"same"), voprf.blind(b"same")
    assert first[0] != second[0]
    assert first[1] != second[1]


@pytest.mark.parametrize("bad", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS.keys())
def test_what_is_no_element_is_refused_everywhere(bad: bytes) -> None:
    key, public = voprf.derive_key_pair(SEED, INFO)
    messages, blinds, elements, evaluated, proof = exchange(2, key)
    with pytest.raises(PackageRefused, match="not a point"):
        voprf.blind_evaluate(key, [elements[0], bad])
    with pytest.raises(PackageRefused, match="not a point"):
        voprf.finalize(messages, blinds, elements, [evaluated[0], bad], proof, public)
    with pytest.raises(PackageRefused, match="not a point"):
        voprf.finalize(messages, blinds, elements, evaluated, proof, bad)


@pytest.mark.parametrize("bad", BAD_SCALARS.values(), ids=BAD_SCALARS.keys())
def test_what_is_no_scalar_is_refused_everywhere(bad: bytes) -> None:
    key, public = voprf.derive_key_pair(SEED, INFO)
    messages, blinds, elements, evaluated, proof = exchange(1, key)
    with pytest.raises(PackageRefused):
        voprf.public_key(bad)
    with pytest.raises(PackageRefused):
        voprf.evaluate(bad, b"input")
    with pytest.raises(PackageRefused):
        voprf.unblind(messages[0], bad, evaluated[0])
    for forged in (bad + proof[32:], proof[:32] + bad):
        with pytest.raises(PackageRefused):
            voprf.finalize(messages, blinds, elements, evaluated, forged, public)


def test_a_proof_holds_for_its_batch_only() -> None:
    key, public = voprf.derive_key_pair(SEED, INFO)
    messages, blinds, elements, evaluated, proof = exchange(3, key)
    stranger, _ = voprf.derive_key_pair(b"\x01" * 32, INFO)
    spoiled = [
        (elements, [evaluated[1], evaluated[0], evaluated[2]], proof),
        (elements[:2], evaluated[:2], proof),
        (elements, evaluated[:2], proof),
        (elements, [*evaluated[:2], voprf.evaluate_element(stranger, elements[2])], proof),
        (elements, *voprf.blind_evaluate(stranger, elements)),
        (elements, evaluated, voprf.blind_evaluate(key, elements[::-1])[1]),
        (elements, evaluated, flipped(proof, 0)),
        (elements, evaluated, flipped(proof, 40)),
        (elements, evaluated, proof[:-1]),
    ]
    for sent, returned, shown in spoiled:
        size = len(sent)
        with pytest.raises(PackageRefused):
            voprf.finalize(messages[:size], blinds[:size], sent, returned, shown, public)
    assert voprf.finalize(messages, blinds, elements, evaluated, proof, public) == [
        voprf.evaluate(key, message) for message in messages
    ]


def test_calls_without_a_meaning() -> None:
    key, _ = voprf.derive_key_pair(SEED, INFO)
    with pytest.raises(UsageError):
        voprf.blind_evaluate(key, [])
    with pytest.raises(UsageError):
        voprf.blind(bytes(2**16))
    with pytest.raises(UsageError):
        voprf.derive_key_pair(b"short", INFO)
    with pytest.raises(UsageError):
        voprf.finalize([b"one"], [], [], [], bytes(64), bytes(32))


def load_in_a_new_process(temporary: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let a loaded library be removed")
def test_no_copy_of_libsodium_is_left_behind(tmp_path: Path) -> None:
    done = load_in_a_new_process(tmp_path, "from juncture.exchange import voprf; print(len(voprf.blind(b'x')[1]))")
    assert done.stdout.strip() == "32"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="uses a limit on file sizes, which is POSIX")
def test_a_temporary_folder_without_room_is_said_in_a_sentence(tmp_path: Path) -> None:
    code = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "import juncture.exchange.voprf"
    )
    done = load_in_a_new_process(tmp_path, code)
    assert done.returncode == 1
    assert "MachineError: libsodium could not be loaded" in done.stderr
    assert "Set TMPDIR" in done.stderr
