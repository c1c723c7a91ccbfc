"""One page that shows a run: what it found, what it costs, how sure it is, and what is still to be done."""
