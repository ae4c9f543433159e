"""The command line: what people type."""

from __future__ import annotations

from typing import NoReturn

from sendworthy.foundation import interrupts

# these take half a second
with interrupts.nothing_begun():
    import typer

    from sendworthy.cli import campaigns, data, deliver, inspect, night, privacy
    from sendworthy.foundation.errors import EXIT_INTERRUPTED, EXIT_USAGE
    from sendworthy.foundation.permissions import keep_to_owner
    from sendworthy.foundation.process_exit import skip_gc_at_exit

app = typer.Typer(
    help="Decides, every night, who should get which message and who must not and why, and hands an ESP lists in which no merge field is blank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 all campaigns released; 1 the build failed, nothing published; 2 bad usage or settings; 3 campaigns were held back, or lists must not be sent; 4 reports that stop messages could not be landed, or a vendor has not confirmed rows; 130 interrupted.",
)
# in the order in which --help shows them
app.command()(night.nightly)
app.command()(data.sample)
app.command()(campaigns.compile)
app.command()(campaigns.validate)
app.command()(deliver.export)
app.command()(inspect.explain)
app.command()(inspect.coverage)
app.command()(inspect.report)
app.command()(inspect.power)
app.command()(inspect.experiments)
app.command()(inspect.preview)
app.command()(deliver.verify)
app.command()(deliver.push)
app.command()(night.cancellations)
app.command()(data.ingest)
app.command()(privacy.retention)
app.command(name="new-campaign")(campaigns.new_campaign_command)

# what these write is the project's sources, which a team shares, or made-up data
FOR_EVERYBODY = {"compile", "new-campaign", "sample"}


@app.callback()
def begin(context: typer.Context) -> None:
    """Before any command: see that what it writes about people is readable by its owner only."""
    if context.invoked_subcommand not in FOR_EVERYBODY:
        keep_to_owner()


def main() -> NoReturn:
    """The entry point of the command `sendworthy`."""
    interrupts.install()
    with skip_gc_at_exit():
        try:
            app()
        except SystemExit as ended:
            # where no command was at work yet, its framework ends with 1
            raise SystemExit(EXIT_INTERRUPTED if interrupts.was_requested() else ended.code) from None
    raise SystemExit(EXIT_USAGE)


__all__ = ["app", "main"]
