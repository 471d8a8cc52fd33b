"""A process that grants two requests and is killed on the way; started by ``test_quota.py``.

``python quota_kill.py DIR MOMENT...``: for each moment a child of its own, in ``DIR/<moment>``, is killed with SIGKILL
just before it runs that many lines of the code that grants. Moment 0 is never reached: its child prints how many
lines there are.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from juncture.base.files import write_bytes
from juncture.exchange.lines import append_line, whole_lines
from juncture.exchange.quota import GrantStore, Ticket
from juncture.exchange.unlock import UnlockKey, request_hash

AGREEMENT, AGENCY, PACKAGE, ROUND = "sha384:ab", "police", "pkg-1", 1
QUOTA, SIZE = 6, 3
TRACED = {"quota.py", "lines.py", "locks.py", "files.py", "quota_kill.py"}


def store_in(folder: Path) -> GrantStore:
    return GrantStore(folder / "store", agreement_id=AGREEMENT, agency=AGENCY, quota=QUOTA, request_size=SIZE)


def witnessed(folder: Path) -> int:
    lines, _ = whole_lines(folder / "ledger")
    return max((int(line) for line in lines), default=0)


def grant(folder: Path, request: bytes, key: UnlockKey) -> bytes:
    """One grant as an agency makes it, its ledger a file of totals."""

    def record(total: int) -> None:
        append_line(folder / "ledger", str(total).encode())

    return store_in(folder).grant(
        request,
        Ticket(AGREEMENT, ROUND, AGENCY, PACKAGE, request_hash(request)).to_bytes(),
        b"",
        key,
        round=ROUND,
        package_id=PACKAGE,
        verify=lambda message, signature: None,
        witnessed_spent=witnessed(folder),
        record=record,
    )


def grant_both(folder: Path) -> None:
    key = UnlockKey((folder.parent / "key").read_bytes())
    for name in ("first", "second"):
        write_bytes(folder / f"{name}.sent", grant(folder, (folder.parent / f"{name}.request").read_bytes(), key))


def run_until(folder: Path, moment: int) -> int:
    """Run in this process; dies at ``moment``, otherwise returns the number of lines run."""
    seen = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if Path(frame.f_code.co_filename).name not in TRACED:
            return None
        if event == "line":
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    folder.mkdir()
    sys.settrace(trace)
    grant_both(folder)
    sys.settrace(None)
    return seen


def main(place: Path, moments: list[int]) -> None:
    for moment in moments:
        child = os.fork()
        if child == 0:
            print(run_until(place / str(moment), moment), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(moment) for moment in sys.argv[2:]])
