"""What is scored with where nothing else is asked for; apart, so that options can be declared without the proxies."""

DEFAULT_PROXIES = ("macs", "swap", "az_trainability", "linear_readout")
