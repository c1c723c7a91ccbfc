"""Fit the copula's starting constants (gamma, kappa), `STARTING`, and print them with their residuals.

The figures are measurements on CIFAR-10: seven nets of 0.35 to 26.7 M MACs, 8 epochs of one-cycle SGD, float,
10,000 test images; gamma was fitted per little net and kappa per pair over p = .05 to .60.

    python benchmarks/copula_fit.py

`benchmarks/pair_truth.py --fit` replaces them with constants of more nets.
"""

import numpy as np
from scipy.special import ndtri

from zeroshot.cascade.copula import PRIOR_COUPLING, Coupling, cascade_accuracy, fit_coupling

STARTING = Coupling(
    "copula-prior-1", "19 pairs of seven nets trained for 8 epochs on CIFAR-10, a_L .62 to .82, float; least squares",
    (0.4084, 0.4988), (0.3119, 0.4127, -0.2932),
)  # fmt: skip
# Accuracy of the little net -> gamma.
GAMMA = {0.617: 0.485, 0.706: 0.603, 0.754: 0.641, 0.763: 0.654, 0.815: 0.698, 0.861: 0.728}
# Little accuracy, accuracy gap to the big net, kappa.
KAPPA = [
    (0.617, 0.089, 0.338), (0.617, 0.137, 0.289), (0.617, 0.146, 0.317), (0.617, 0.198, 0.262),
    (0.617, 0.204, 0.244), (0.617, 0.245, 0.244), (0.706, 0.048, 0.462), (0.706, 0.109, 0.400),
    (0.706, 0.115, 0.380), (0.706, 0.156, 0.350), (0.754, 0.061, 0.492), (0.754, 0.067, 0.480),
    (0.754, 0.107, 0.417), (0.763, 0.052, 0.519), (0.763, 0.058, 0.496), (0.763, 0.099, 0.442),
    (0.815, 0.006, 0.617), (0.815, 0.047, 0.555), (0.821, 0.041, 0.563),
]  # fmt: skip


def main() -> None:
    pairs = np.array([(a, a + gap, kappa) for a, gap, kappa in KAPPA])
    fit = fit_coupling(np.array(list(GAMMA)), np.array(list(GAMMA.values())), pairs, "fit", "")
    mu_l, mu_b = ndtri(pairs[:, 0]), ndtri(pairs[:, 1])
    gamma = np.tanh(fit.gamma[0] + fit.gamma[1] * ndtri(list(GAMMA)))
    kappa = np.tanh(fit.kappa[0] + fit.kappa[1] * mu_l + fit.kappa[2] * (mu_b - mu_l))
    print(f"gamma = {np.round(fit.gamma, 4)}  max residual {np.abs(gamma - list(GAMMA.values())).max():.3f}")
    print(f"kappa = {np.round(fit.kappa, 4)}  max residual {np.abs(kappa - pairs[:, 2]).max():.3f}")
    print(f"shipped: {PRIOR_COUPLING}")
    print("At p = 30 %, from the true single accuracies (measured 81.4 and 86.0 %):")
    for a_l, a_b in ((0.763, 0.821), (0.815, 0.861)):
        print(f"  {a_l:.3f} + {a_b:.3f} -> {cascade_accuracy(a_l, a_b, 0.3, fit):.4f}")


if __name__ == "__main__":
    main()
