"""Episodes: crisis contacts of one person, at whichever agency, that belong together.

A contact joins the open episode where it begins less than the gap after the episode's last moment and no later than
72 hours after its first. A co-response that both agencies recorded is so one episode. Follow-ups are never given to
this function: merging them would swallow the next day's follow-up and read it as missed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from juncture.analyst.study.model import Contact, Episode

LONGEST_HOURS = 72


def merge_episodes(contacts: Sequence[Contact], kinds: Collection[str], gap_hours: int) -> tuple[Episode, ...]:
    """Episodes of the ``contacts`` (sorted by start) that are of ``kinds`` and concern the person.

    ``end_h`` is the latest end of a member, at most 72 hours after ``start_h``. Contacts exactly ``gap_hours`` apart
    are two episodes.
    """
    found: list[Episode] = []
    members: list[int] = []
    start = end = 0
    for place, contact in enumerate(contacts):
        if contact.kind not in kinds or not contact.concerns_person:
            continue
        if members and contact.start_h - end < gap_hours and contact.start_h - start <= LONGEST_HOURS:
            members.append(place)
            end = min(max(end, contact.last_h), start + LONGEST_HOURS)
            continue
        if members:
            found.append(Episode(start, end, tuple(members)))
        members = [place]
        start, end = contact.start_h, min(contact.last_h, contact.start_h + LONGEST_HOURS)
    if members:
        found.append(Episode(start, end, tuple(members)))
    return tuple(found)
