"""The conformance suite that every proxy passes; plug-ins inherit it."""

from zeroshot.testing.conformance import ProxyConformance

__all__ = ["ProxyConformance"]
