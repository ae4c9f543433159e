"""What everything else stands on: errors, the clock, the project folder, files that last, locks, progress. It uses nothing else of ours."""
