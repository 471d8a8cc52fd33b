"""From identified mentions to what may leave: activity bands, timelines on a shifted clock, suppressed counts."""
