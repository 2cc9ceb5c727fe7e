"""The command line: one module a verb. Heavy imports stay inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

import gc
import os
import sys
import time

import click

from grids.errors import WanmiError


@click.group(
    name="wanmi",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="wanmi")
def app() -> None:
    """Wanmi (万米): who owns this spot? A spatial engine for cities that are managed by grid.

    \b
    Example:
      wanmi demo
      wanmi load areas districts.geojson --profile mycity.toml --set district
      wanmi resolve 111.0 35.03 --class 2026:C01002
    """


def _register() -> None:
    """Let every module of this folder add its commands to `app`."""
    from api.cli import (
        alerts,
        assign,
        code,
        db,
        demo,
        grid,
        hotspots,
        load,
        prove,
        release,
        resolve,
        roster,
        serve,
        snapshot,
    )

    verbs = (code, db, demo, load, grid, snapshot, resolve, roster, assign, prove, hotspots, alerts, release, serve)
    for module in verbs:
        for command in module.COMMANDS:
            app.add_command(command)


def main(argv: list[str] | None = None) -> int:
    """Run ``wanmi``; returns the exit status: 0 done, 1 the work found faults, 2 wrong use or something missing."""
    # a command that says how long it took counts from here: from the start of the process, when it is the command's
    from api.cli.meter import process_began

    begun = process_began() if argv is None else time.perf_counter()
    gc.set_threshold(50_000, 20)  # what is imported stays: to look through it for rubbish took 5 % of a start
    _register()
    try:
        status = app.main(args=argv, prog_name="wanmi", standalone_mode=False, obj=begun)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.Abort:
        print("wanmi: stopped", file=sys.stderr)
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        print(f"wanmi: {error.format_message()}{hint}", file=sys.stderr)
        return 2
    except WanmiError as error:
        print(f"wanmi: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("WANMI_DEBUG"):
            raise
        print(f"wanmi: internal fault, {type(error).__name__}: {error} (WANMI_DEBUG=1 shows where)", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
