"""All parties on one machine, through their public functions only: a made-up city, a rehearsal, an audit."""
