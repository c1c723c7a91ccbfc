"""The search's own pair beside what keyword spotting and tutorials use, on sound and motion."""
