"""Reading an agency's own export, as its source file says, into one table of mentions."""
