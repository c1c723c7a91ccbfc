"""The search: options, candidates, shortlist, ranking, results."""
