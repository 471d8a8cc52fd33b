"""What a source file may ask for, seen from the agreement: checked before a row is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from juncture.agency.intake.codes import unknown_words
from juncture.agency.intake.source import Coded, Source, Table
from juncture.agreement.model import Agreement
from juncture.agreement.vocabulary import ContactRole, Ethnicity, Race, Sex, kinds_of
from juncture.base.errors import AgreementForbids, InputError

#: Fields that the work itself needs; no agreement has to name them.
STRUCTURAL = frozenset(
    {"contact_id", "id", "name", "suffix", "alias", "start", "date", "time", "end", "role", "kind", "joint_id"}
)
#: Coded fields in which a cell may say that nothing is known.
MAY_BE_UNKNOWN = frozenset({"sex", "race", "ethnicity"})


def check_source(source: Source, agreement: Agreement, agency: str) -> None:
    """Raise where ``source`` cannot be read under ``agreement``.

    ``InputError`` (exit 3) for another agency's source or words outside a vocabulary; ``AgreementForbids`` (exit 4)
    for fields to which the agreement gives no class.
    """
    if agency not in agreement.agencies:
        raise InputError(
            f"{agency} is not an agency of this agreement.", remedy=f"Its agencies: {', '.join(agreement.agencies)}."
        )
    if source.agency != agency:
        raise InputError(
            f"this source file belongs to {source.agency}, not to {agency}.",
            remedy="Give the source file of this agency, or correct `agency` in it.",
        )
    classed = STRUCTURAL | {str(field) for field in agreement.linkage.fields} | agreement.release.released_fields()
    forbidden = {name: column for table in source.table for name, column in table.fields() if name not in classed}
    if forbidden:
        listed = ", ".join(f"{name} (column {column})" for name, column in forbidden.items())
        raise AgreementForbids(
            f"the agreement gives no class to these fields of the source file: {listed}.",
            remedy="Remove them from the source file, or have every party sign an agreement that names them.",
        )
    found = [
        f"table {number}, {field}: not in the vocabulary: {', '.join(words)}"
        for number, table in enumerate(source.table, 1)
        for field, coded in coded_fields(table).items()
        if (words := unknown_words(coded, vocabulary(field, agreement, agency), may_be_unknown=field in MAY_BE_UNKNOWN))
    ]
    if found:
        known = ", ".join(sorted(vocabulary("kind", agreement, agency)))
        raise InputError(
            "the source file uses words that are not known:\n" + "\n".join(f"  - {sentence}" for sentence in found),
            remedy=f"The kinds of contact of {agency}: {known}. docs/how-to/write-a-source-file.md says how they are "
            "mapped.",
        )


def coded_fields(table: Table) -> Mapping[str, Coded]:
    """The coded fields that ``table`` names."""
    fields = {
        "kind": table.contact.kind,
        "role": table.contact.role,
        "sex": table.person.sex,
        "race": table.person.race,
        "ethnicity": table.person.ethnicity,
    }
    return {name: coded for name, coded in fields.items() if coded is not None}


def vocabulary(field: str, agreement: Agreement, agency: str) -> Collection[str]:
    """The words that a coded field may hold."""
    family = agreement.party[agency].family
    if field == "kind":
        return frozenset(kinds_of(family)) if family is not None else frozenset()
    words = {"role": ContactRole, "sex": Sex, "race": Race, "ethnicity": Ethnicity}[field]
    return frozenset(str(word) for word in words)
