"""Attacks on the encodings of a link package, run by the agency on its own before anything leaves."""
