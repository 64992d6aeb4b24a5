"""Turn the raw sets into training rows: ten minutes on two cores, then training reads one file.

PYTHONPATH=. python training/build.py DATA --output WORK/rows.npz
"""

import argparse
from collections import Counter
from pathlib import Path

from rag.models.wordpiece import bert_tokenizer
from training import arrays
from training.rows import RowBuilder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with reading/ and claims/")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="read so many rows of each set (a trial)")
    options = parser.parse_args()
    builder = RowBuilder(options.data, bert_tokenizer(), options.limit)
    builder.build()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    arrays.save(options.output, builder.rows, builder.windows)
    counts = Counter((row.set_name, row.answerable) for row in builder.rows)
    for (name, answerable), count in sorted(counts.items()):
        print(f"{name:28} {'answerable' if answerable else 'not':10} {count:7,}")
    print(f"{len(builder.rows):,} rows over {len(builder.windows):,} windows")


if __name__ == "__main__":
    main()
