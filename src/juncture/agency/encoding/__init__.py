"""From an agency's clear spellings to keyed encodings that leave the house."""

from juncture.agency.encoding.encode import LINKABLE, Encoding, Profile, encode

__all__ = ["LINKABLE", "Encoding", "Profile", "encode"]
