"""What the released tables say, as sentences and parts of the page. A table or row that is missing has its sentence."""
