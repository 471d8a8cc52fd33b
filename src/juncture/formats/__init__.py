"""What passes between parties: each payload a frozen, versioned type with one strict reader.

A payload comes from somebody else's machine, so a reader believes nothing: sizes before memory, exact lengths,
known names, ranges. Anything else raises ``PackageRefused``.
"""
