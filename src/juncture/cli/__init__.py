"""The command line: a thin face. It asks for passphrases, calls one public function, and shows what it returns.

Rooms and engines are imported inside the commands, so that help, ``doctor`` and ``status`` answer at once.
"""
