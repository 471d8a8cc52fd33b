"""What every room stands on: errors, files, dates, a party's working folder. Imports nothing else of ours."""
