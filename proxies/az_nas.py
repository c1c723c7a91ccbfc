"""AZ-NAS: expressivity, progressivity, trainability, complexity, and their aggregate over a population."""

from typing import TYPE_CHECKING

import numpy as np

from zeroshot.cost import counts
from zeroshot.net import LayerTable
from zeroshot.probing.probe import Probe, ProxyUndefined
from zeroshot.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor


def az_expressivity(probe: Probe) -> float:
    """Entropy of the feature spectrum, summed over blocks: sum_l -sum_i p_i ln(p_i + 1e-8).

    p are the eigenvalues of the (channels, channels) covariance of a block's output over images and positions,
    divided by their sum.

    Protocol: initialisation as given (Kaiming-normal, fan-in, in a search, as the authors'); standard normal
    images of the first batch's shape from the probe's seed, no data, no labels; training mode. Blocks are what a
    net is stacked from (cells, residual blocks, ...; the stem is one): see `Probe.block_features`. Covariances
    in the pass's precision, eigenvalues in float64, negative ones taken as 0.

    Citation: Lee and Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024.

    Cost: forward (a noise batch of its own, shared by the three).

    Raises:
        ProxyUndefined: There is no block, or one puts out constants or numbers that are not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> az_expressivity(example_probe()) > 0
    True
    """
    return float(_entropies(probe).sum())


def az_progressivity(probe: Probe) -> float:
    """Smallest gain of entropy from a block to the next, min_l (E_l - E_{l-1}).

    Protocol: that of `az_expressivity`.

    Citation: Lee and Ham, CVPR 2024.

    Cost: forward (shared with `az_expressivity`).

    Raises:
        ProxyUndefined: As `az_expressivity`, or there is a single block.

    >>> from zeroshot.probing.probe import example_probe
    >>> az_progressivity(example_probe()) < 2
    True
    """
    entropies = _entropies(probe)
    if len(entropies) < 2:
        raise ProxyUndefined("the net has a single block")
    return float(np.diff(entropies).min())


def az_trainability(probe: Probe) -> float:
    """How near to norm-preserving the blocks are backwards: mean_l (2 - s_l - 1 / (s_l + 1e-6)).

    s is the largest singular value of mean(g_in g_out^T), an estimate of a block's Jacobian: g_out holds random
    signs, g_in what the block's backward pass makes of them, the mean is over images and positions. The score is
    at most 0, reached at s = 1.

    Protocol: that of `az_expressivity`; where a block reduces the map, the pixels of g_in that fall on one
    position of g_out become channels (odd sides are filled up with zeros).

    Citation: Lee and Ham, CVPR 2024.

    Cost: backward (of the shared noise batch, no weight gradients).

    Raises:
        ProxyUndefined: There is a single block, a block does not depend on the one before it or hands its input
            on unchanged (the authors' code gives minus infinity), or a gradient is not finite.

    >>> from zeroshot.probing.probe import example_probe
    >>> az_trainability(example_probe()) <= 0
    True
    """
    scores = []
    for pulled, signs in probe.block_pulls():
        if pulled.shape == signs.shape and bool((pulled == signs).all()):
            raise ProxyUndefined("a block hands its input on unchanged")
        rows_in, rows_out = _rows(_folded(pulled, signs)), _rows(signs)
        matrix = (rows_in.T @ rows_out / len(rows_out)).double().numpy()
        if not np.isfinite(matrix).all():
            raise ProxyUndefined("a gradient is not finite")
        top = float(np.linalg.norm(matrix, 2))
        scores.append(2 - top - 1 / (top + 1e-6))
    if not scores:
        raise ProxyUndefined("the net has a single block")
    return float(np.mean(scores))


def az_complexity(table: LayerTable) -> FloatArray:
    """Multiply-accumulates, the fourth part of AZ-NAS: more is taken to be better.

    Protocol: static, exact; half of the FLOPs that the authors count, which ranks alike.

    Citation: Lee and Ham, CVPR 2024.

    Args:
        table: The population.

    Returns:
        (n_nets,) float64, MACs.

    >>> from zeroshot.net import NetSpec, layer_table, spec_array
    >>> az_complexity(layer_table(spec_array([NetSpec.parse("r8-s4-c3w4x1")]), channels=3, classes=10)).tolist()
    [16168.0]
    """
    return counts.macs(table).astype(np.float64)


def log_ranks(scores: FloatArray) -> FloatArray:
    """AZ-NAS's aggregate, sum over parts of ln(rank / n).

    A net's rank under one part is 1 for the worst of n and n for the best, ties averaged, undefined scores worst.
    The logarithm lets one bad rank weigh more than one good rank. It depends on the population: scores of two
    populations cannot be compared.

    Citation: Lee and Ham, CVPR 2024.

    Args:
        scores: (n_nets, n_parts) float64, higher is better, NaN where undefined.

    Returns:
        (n_nets,) float64, at most 0.

    >>> log_ranks(np.array([[1.0, 5.0], [2.0, np.nan]])).round(3).tolist()
    [-0.693, -0.693]
    """
    from scipy.stats import rankdata  # half of what importing this package would take

    if not len(scores):
        return np.zeros(0)
    filled = np.where(np.isnan(scores), -np.inf, scores)
    return np.asarray(np.log(rankdata(filled, axis=0) / len(scores)).sum(1))


def _entropies(probe: Probe) -> FloatArray:
    """Entropy of each block's spectrum, (n_blocks,)."""
    if not probe.block_spectra:
        raise ProxyUndefined("the net has no blocks")
    out = []
    for eigenvalues in probe.block_spectra:
        values = eigenvalues.clip(0)
        if values.sum() == 0:
            raise ProxyUndefined("a block puts out constants")
        shares = values / values.sum()
        out.append(-float((shares * np.log(shares + 1e-8)).sum()))
    return np.array(out)


def _rows(features: "Tensor") -> "Tensor":
    """(batch, channels, height, width) -> (batch * height * width, channels)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)


def _folded(pulled: "Tensor", signs: "Tensor") -> "Tensor":
    """Fold the pixels of a larger map into channels, so that positions match: like nn.PixelUnshuffle."""
    from torch.nn.functional import pad

    (batch, channels, height, width), (rows, columns) = pulled.shape, signs.shape[2:]
    if height < rows or width < columns:
        raise ProxyUndefined("a block enlarges its input")
    down, right = -(-height // rows), -(-width // columns)
    full = pad(pulled, (0, columns * right - width, 0, rows * down - height))
    cells = full.reshape(batch, channels, rows, down, columns, right).permute(0, 1, 3, 5, 2, 4)
    return cells.reshape(batch, channels * down * right, rows, columns)
