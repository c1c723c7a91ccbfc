"""Training-free proxies, one family a file, and the table through which the engine finds them."""

from zeroshot.probe import Proxy

from .gradients import grad_norm, snip
from .naswot import naswot
from .size import depth, macs, params
from .synflow import synflow
from .topology import nn_degree, nn_mass
from .zico import zico

PROXIES = (
    Proxy("params", params, "static", "baseline", "trainable parameters"),
    Proxy("macs", macs, "static", "baseline", "multiply-accumulates of one inference"),
    Proxy("depth", depth, "static", "baseline", "layers with weights"),
    Proxy("nn_mass", nn_mass, "static", "Bhardwaj et al., CVPR 2021", "skip density x width x depth"),
    Proxy("nn_degree", nn_degree, "static", "Li et al., arXiv 2108.00568", "average degree as a graph"),
    Proxy("naswot", naswot, "forward", "Mellor et al., ICML 2021", "log det of the agreement of ReLU codes"),
    Proxy(
        "zico", zico, "backward", "Li et al., ICLR 2023", "gradient mean over deviation across batches",
        needs_labels=True, batches=2,
    ),
    Proxy(
        "grad_norm", grad_norm, "backward", "Abdelfattah et al., ICLR 2021", "sum of layers' gradient norms",
        needs_labels=True,
    ),
    Proxy(
        "snip", snip, "backward", "Lee et al., ICLR 2019", "sum |weight x gradient|",
        needs_labels=True,
    ),
    Proxy("synflow", synflow, "backward", "Tanaka et al., NeurIPS 2020", "log synaptic flow, data-free"),
)  # fmt: skip

__all__ = ["PROXIES"]
