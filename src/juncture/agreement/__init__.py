"""What all parties signed: purpose, parties, fields, cohort rule, windows, junctures, thresholds.

The agreement is read into frozen types that validate themselves; its canonical form is hashed to the agreement id
that every later file carries.
"""
