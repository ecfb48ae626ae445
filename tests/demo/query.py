"""``python -m tests.demo.query "SELECT …"``: runs a query on the tables of the demo."""

from __future__ import annotations

import sys

import duckdb

from .account import ROOT


def main() -> int:
    """Print the rows, or one line with the error."""
    path = ROOT / ".demo" / "activecampaign.duckdb"
    if len(sys.argv) != 2 or not path.exists():
        sys.stderr.write('run make demo first, then: python -m tests.demo.query "SELECT …"\n')
        return 2
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            sys.stdout.write(f"{connection.sql(sys.argv[1])}\n")
    except duckdb.Error as problem:
        sys.stderr.write(f"{str(problem).splitlines()[0]}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
