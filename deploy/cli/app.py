"""All commands."""

import typer

from deploy.cli import (
    apply,
    archive,
    bench,
    call_log,
    calls,
    capacity,
    console_users,
    doctor,
    flows,
    keys,
    listen,
    rebuild,
    replay,
    run,
    secrets,
    traffic,
    tts,
)

app = typer.Typer(
    name="callplane",
    help="Control plane for telephony: the brain of a cloud PBX and contact center.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(run.up)
app.command()(run.serve)
app.command()(run.worker)
app.command()(run.project)
app.command()(run.relay)
app.command()(run.send)
app.command()(run.migrate)
app.command()(rebuild.rebuild)
app.command()(archive.archive)
app.command()(apply.apply)
app.command()(apply.diff)
app.command()(apply.export)
app.command()(calls.trace)
app.command()(replay.replay)
app.command()(flows.simulate)
app.command()(listen.listen)
app.add_typer(call_log.app, name="calls")
app.add_typer(capacity.app, name="cac")
app.add_typer(keys.app, name="keys")
app.add_typer(console_users.app, name="console-users")
app.add_typer(secrets.app, name="secrets")
app.add_typer(tts.app, name="tts")
app.command()(doctor.doctor)
app.command()(doctor.status)
app.add_typer(doctor.config, name="config")
app.command()(traffic.load)
app.command()(bench.bench)
