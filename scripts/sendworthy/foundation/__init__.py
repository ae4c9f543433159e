"""What every other folder uses: errors, the clock, the project folder, durable files, locks, progress. It uses no other folder."""
