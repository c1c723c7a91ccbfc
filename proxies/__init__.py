"""Training-free proxies, one family a file, and the table through which the engine finds them.

A new one is a function in the file of its family and a row of `PROXIES` here; CONTRIBUTING.md names its tests.
"""

from zeroshot.probing.probe import Proxy
from zeroshot.scoring.plugins import listed_proxies
from zeroshot.types import make_callable

from .az_nas import az_complexity, az_expressivity, az_progressivity, az_trainability, log_ranks
from .fisher import fisher, fisher_fan_in
from .gradients import grad_norm, grad_norm_global, grasp, l2_norm, plain, snip
from .gradsign import gradsign
from .jacobian import epe_nas, jacob_cov
from .meco import meco
from .naswot import naswot
from .ntk import ntk_cond, te_nas
from .readout import linear_readout
from .regions import linear_regions, reg_swap, swap
from .size import depth, macs, params
from .synflow import logsynflow, synflow, synflow_bn
from .topology import nn_degree, nn_mass
from .vkdnw import vkdnw
from .zen import zen, zen_running
from .zico import zico, zico_accumulated, zico_bc

make_callable(__name__, listed_proxies)  # as `zeroshot.proxies()`, those of plug-ins too

# Higher is better for all; where the source has it the other way round, the sign is turned and the docstring says so.
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
        "zico_accumulated", zico_accumulated, "backward", "Li et al., ICLR 2023 (code)",
        "ZiCo on running sums of gradients, as published in code", needs_labels=True, batches=2,
    ),
    Proxy(
        "zico_bc", zico_bc, "backward", "Bhardwaj et al., ICCVW 2023", "ZiCo less a bias towards thin deep nets",
        needs_labels=True, batches=2,
    ),
    Proxy(
        "grad_norm", grad_norm, "backward", "Abdelfattah et al., ICLR 2021", "sum of layers' gradient norms",
        needs_labels=True,
    ),
    Proxy(
        "grad_norm_global", grad_norm_global, "backward", "Lin et al., ICCV 2021 (code)",
        "one gradient norm, N(0, 1) weights, noise",
    ),
    Proxy(
        "snip", snip, "backward", "Lee et al., ICLR 2019", "sum |weight x gradient|",
        needs_labels=True,
    ),
    Proxy(
        "plain", plain, "backward", "Abdelfattah et al., ICLR 2021", "sum weight x gradient, signed",
        needs_labels=True,
    ),
    Proxy(
        "grasp", grasp, "backward", "Wang et al., ICLR 2020", "gradient flow lost by pruning, second order",
        needs_labels=True,
    ),
    Proxy(
        "fisher", fisher, "backward", "Theis et al., 2018", "Fisher information of output channels",
        needs_labels=True,
    ),
    Proxy(
        "fisher_fan_in", fisher_fan_in, "backward", "Abdelfattah et al., ICLR 2021",
        "fisher times each channel's fan-in", needs_labels=True,
    ),
    Proxy("l2_norm", l2_norm, "forward", "Abdelfattah et al., ICLR 2021", "sum of layers' weight norms"),
    Proxy("synflow", synflow, "backward", "Tanaka et al., NeurIPS 2020", "log synaptic flow, data-free"),
    Proxy("synflow_bn", synflow_bn, "backward", "Abdelfattah et al., ICLR 2021", "log synaptic flow, batch norm kept"),
    Proxy("logsynflow", logsynflow, "backward", "Cavagnero et al., WACV 2023", "synaptic flow, log inside the sum"),
    Proxy("jacob_cov", jacob_cov, "backward", "Mellor et al., 2020", "decorrelation of input gradients"),
    Proxy(
        "epe_nas", epe_nas, "backward", "Lopes et al., ICANN 2021", "input gradients' correlations by class",
        needs_labels=True,
    ),
    Proxy(
        "linear_readout", linear_readout, "forward", "this project; Alain and Bengio, 2016",
        "labels that a linear map reads off the activations", needs_labels=True, readout=512,
    ),
    Proxy("linear_regions", linear_regions, "forward", "Chen et al., ICLR 2021", "distinct ReLU codes of images"),
    Proxy("ntk_cond", ntk_cond, "per-sample", "Chen et al., ICLR 2021", "minus the tangent kernel's condition number"),
    Proxy(
        "te_nas", te_nas, "aggregate", "Chen et al., ICLR 2021", "ranks of ntk_cond and linear_regions",
        parts=("ntk_cond", "linear_regions"),
    ),
    Proxy("swap", swap, "forward", "Peng et al., ICLR 2024", "distinct ReLU patterns of units"),
    Proxy(
        "reg_swap", reg_swap, "aggregate", "Peng et al., ICLR 2024", "swap near the mean size",
        parts=("swap", "params"),
    ),
    Proxy("zen", zen, "forward", "Lin et al., ICCV 2021", "sensitivity to noise, batch norm put back"),
    Proxy("zen_running", zen_running, "forward", "Lin et al., ICCV 2021 (code)", "zen on running variances"),
    Proxy("meco", meco, "forward", "Jiang et al., NeurIPS 2023", "least eigenvalue of channel correlations"),
    Proxy(
        "gradsign", gradsign, "per-sample", "Zhang and Jia, ICLR 2022", "agreement of per-image gradient signs",
        needs_labels=True,
    ),
    Proxy("vkdnw", vkdnw, "per-sample", "Tybl and Neumann, CVPR 2025", "evenness of the Fisher information"),
    Proxy("az_expressivity", az_expressivity, "forward", "Lee and Ham, CVPR 2024", "entropy of feature spectra"),
    Proxy("az_progressivity", az_progressivity, "forward", "Lee and Ham, CVPR 2024", "least gain of entropy"),
    Proxy("az_trainability", az_trainability, "backward", "Lee and Ham, CVPR 2024", "norm-preserving backward passes"),
    Proxy("az_complexity", az_complexity, "static", "Lee and Ham, CVPR 2024", "multiply-accumulates, as a part"),
    Proxy(
        "az_nas", log_ranks, "aggregate", "Lee and Ham, CVPR 2024", "log ranks of its four components",
        parts=("az_expressivity", "az_progressivity", "az_trainability", "az_complexity"),
    ),
    Proxy(
        "vkdnw_agg", log_ranks, "aggregate", "Tybl and Neumann, CVPR 2025", "log ranks of five proxies",
        parts=("vkdnw", "jacob_cov", "az_expressivity", "az_trainability", "macs"),
    ),
)  # fmt: skip

__all__ = ["PROXIES"]
