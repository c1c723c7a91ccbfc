"""The evidence: scripts that print every figure of the README; run from the repository root, in no wheel."""
