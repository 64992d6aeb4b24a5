"""Say how good the answers are: cases, metrics, intervals, a gate. Runs the engine as it is, knows nothing of bot/."""
