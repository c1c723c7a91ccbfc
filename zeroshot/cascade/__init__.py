"""Big-little cascades: the accuracy of a pair, and the cost model over all pairs."""
