"""The mean of the weights of kept networks that began alike (Wortsman et al. 2022).

    PYTHONPATH=. python training/mean.py WORK/news WORK/everything --keep WORK/mean

What each learned by itself is kept for the greater part, what each forgot is not: training/README.md.
"""

import argparse
from pathlib import Path

from training.network import Network, load, load_packed, save_packed, shape_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", type=Path, nargs="+", help="folders of kept weights")
    parser.add_argument("--shares", type=float, nargs="*", default=[], help="of each, alike when not given")
    parser.add_argument("--keep", type=Path, required=True)
    options = parser.parse_args()
    shares = options.shares or [1 / len(options.networks)] * len(options.networks)
    if len(shares) != len(options.networks):
        parser.error("give as many shares as networks")
    weights = [load_packed(folder, "") for folder in options.networks]
    network = Network(shape_of(weights[0]))
    load(network, {name: sum(s * one[name] for s, one in zip(shares, weights, strict=True)) for name in weights[0]})
    save_packed(network, options.keep, "part")


if __name__ == "__main__":
    main()
