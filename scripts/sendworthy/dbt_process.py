"""Dbt as a process of its own, which ends with the night that started it.

`python -m sendworthy.dbt_process <arguments of dbt>`
"""

from __future__ import annotations

from sendworthy.child import end_with_parent


def main() -> None:
    """Run dbt; ends with dbt's exit code."""
    end_with_parent()
    from dbt.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
