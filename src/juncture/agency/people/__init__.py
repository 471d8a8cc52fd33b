"""Who is who inside one agency: from mentions as typed to people with all their spellings."""
