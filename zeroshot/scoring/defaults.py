"""What is scored with where nothing else is asked for; apart, so that options can be declared without the proxies."""

DEFAULT_PROXIES = ("params", "macs", "nn_degree", "zico", "naswot", "linear_readout")
