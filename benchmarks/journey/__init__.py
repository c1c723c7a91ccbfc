"""What the search picks, trained in full beside what an engineer would make by hand."""
