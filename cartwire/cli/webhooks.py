"""`cartwire webhooks`."""

from __future__ import annotations

import click

from cartwire import stopping
from cartwire.errors import ConfigError
from cartwire.settings import load_settings


@click.command("webhooks")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; anything else than loopback is without TLS."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8788, show_default=True, help="0: any free one.")
def command(host: str, port: int) -> None:
    """Receive Iterable's system webhooks until stopped: an unsubscribe stops messages at once, also of a sync that is running.

    POST /webhooks/iterable takes deliveries that carry CARTWIRE_WEBHOOK_SECRET in the header X-Cartwire-Secret, over plain HTTP: a
    reverse proxy in front has the TLS. Each is on disk before it is answered. GET /health tells counts. SIGTERM or SIGINT: deliveries
    under way are finished, exit 0. What is not delivered, the next sync reads.
    """
    settings = load_settings()
    shared_secret = settings.webhook_secret.get_secret_value()
    if not shared_secret:
        raise ConfigError(
            "CARTWIRE_WEBHOOK_SECRET is missing: without it anybody could unsubscribe people. Set at least 32 characters, and the"
            " same as the header X-Cartwire-Secret of the webhook in Iterable"
        )
    from activation.ledger.store import Ledger
    from activation.receiver import PATH, Receiver, listening

    with stopping.on_signals(), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        receiver = Receiver(
            ledger, shared_secret=shared_secret, person_secret=settings.secret_bytes, identity=settings.iterable_identity
        )
        with listening(receiver, host, port) as url:
            click.echo(f"listening on {url}{PATH}")
            while not stopping.wait(3600):
                pass
    click.echo("stopped")
