"""A study in which the draws differ: of every third person nobody knows which of two files is theirs."""

from __future__ import annotations

import numpy as np

from juncture.analyst.study import Study
from tests.analyst.study_world import FOLLOW_UP, File, Member, agreement, life, world

JUNCTURE = "co_response_without_follow_up_7d"


def unsure(people: int, seed: int, *, draws: int = 4) -> Study:
    """``people`` lives with a true ratio of 1.7; a stranger's clinic file in some draws of every third."""
    rng = np.random.default_rng(seed)
    told = [life(rng, 1.7) for _ in range(people)]
    members = []
    for i, contacts in enumerate(told):
        sex = "male" if i % 3 == 0 else "female"
        police = File("police", [c for c in contacts if c.kind.startswith("police")], sex=sex)
        own = [c for c in contacts if c.kind.startswith("clinic")]
        if i % 3:
            members.append(Member([police, File("clinic", own, sex=sex)]))
            continue
        mine = [m for m in range(draws) if rng.random() < 0.6]
        other = [m for m in range(draws) if m not in mine]
        strangers = [c for c in told[(i + 1) % people] if c.kind.startswith("clinic")]
        candidates = [
            File("clinic", own, sex=sex, draws=mine, probability=0.6),
            File("clinic", strangers, sex=sex, draws=other, best=False, probability=0.4),
        ]
        members.append(Member([police, *candidates]))
    terms = agreement(FOLLOW_UP.replace("follow_up_7d]", f"{JUNCTURE}]"))
    return world(members, terms, draws=draws, seed=seed).study()
