"""One probe of a net: what forward and backward passes tell proxies, and passes that proxies share."""
