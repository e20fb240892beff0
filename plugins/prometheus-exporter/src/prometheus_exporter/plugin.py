"""The plugin: gathers the samples of other plugins, and serves them on a port."""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass, field
from typing import Any

from heimnetz_git import BasePlugin, Context, HeimnetzError, every, operation
from prometheus_exporter.exposition import Sample, exposition, is_valid
from prometheus_exporter.server import Server

__all__ = ["Gathered", "PrometheusExporter"]

SOURCES = ("dns-bench", "port-audit", "presence", "tls-expiry")
MOST_SAMPLES = 10_000
RETRY_AFTER = 0.25


@dataclass(frozen=True)
class Gathered:
    """How many samples there are now, which plugins gave them, and why others gave none."""

    samples: int
    sources: list[str]
    problems: dict[str, str]


class PrometheusExporter(BasePlugin):
    """Serves metrics."""

    @dataclass(frozen=True)
    class Config:
        """Where to listen, and which plugins to ask; another port must be granted as well."""

        address: str = "0.0.0.0"  # noqa: S104  # a Prometheus elsewhere in the network scrapes it
        port: int = 9464
        sources: list[str] = field(default_factory=lambda: list(SOURCES))

    def initialize(self, context: Context) -> None:  # noqa: ARG002  # as the host calls it
        """Begin to listen; plugins are asked when the first scrape comes, or in half a minute.

        While a new version takes over, the old one still has the port: then it is tried again until
        it is free.
        """
        self._text = ""
        self._gathering = threading.Lock()
        self._ended = threading.Event()
        self._server: Server | None = None
        self._waiting = threading.Thread(target=self._listen_later, daemon=True)
        try:
            self._listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._waiting.start()

    def cleanup(self) -> None:
        """Stop listening."""
        self._ended.set()
        if self._waiting.is_alive():
            self._waiting.join()
        if self._server is not None:
            self._server.close()

    @every("30s")
    def refresh(self) -> None:
        """Ask all plugins again, so that a scrape need not wait for them."""
        self.gather()

    @operation
    def gather(self) -> Gathered:
        """Ask all plugins for their samples now; the next scrape has them."""
        with self._gathering:
            samples, problems = self._ask_all()
            self._text = exposition(samples)
        given = [name for name in self.config.sources if name not in problems]
        return Gathered(len(samples), given, problems)

    @operation
    def text(self) -> str:
        """What a scrape gets (the text exposition format 0.0.4)."""
        return self._document()

    @operation
    def port(self) -> int:
        """The TCP port that it listens on; 0 while another program has it."""
        return 0 if self._server is None else self._server.port

    def _listen(self) -> None:
        self._server = Server(self.config.address, self.config.port, self._document)

    def _listen_later(self) -> None:
        """Try for the port until it is free, or the plugin ends."""
        words = "port %d is in use; it is tried again until it is free"
        self.context.logger.warning(words, self.config.port)
        while not self._ended.wait(RETRY_AFTER):
            try:
                self._listen()
            except OSError:
                continue
            return

    def _document(self) -> str:
        if not self._text:
            self.gather()
        return self._text

    def _ask_all(self) -> tuple[list[Sample], dict[str, str]]:
        found: list[Sample] = []
        problems: dict[str, str] = {}
        for source in self.config.sources:
            try:
                samples = [_sample(one, source) for one in self._ask(source)]
            except (HeimnetzError, AttributeError, LookupError, TypeError, ValueError) as error:
                problems[source] = str(error)[:300]
                samples = []
            valid = [one for one in samples if is_valid(one)][:MOST_SAMPLES]
            found += valid
            labels = {"source": source}
            words = "1 if the plugin gave its samples."
            found.append(Sample("heimnetz_source_up", source not in problems, labels, words))
            words = "Samples of the plugin that were not valid, or too many."
            dropped = len(samples) - len(valid)
            found.append(Sample("heimnetz_source_dropped_samples", dropped, labels, words))
        return found, problems

    def _ask(self, source: str) -> list[Any]:
        answer = self.context.call(source, "metrics")
        if not isinstance(answer, list):
            raise TypeError(f"{source}.metrics did not return a list of samples")
        return answer


def _sample(one: dict[str, Any], source: str) -> Sample:
    """A plugin's sample, with its name on it; raises whatever a value of another shape causes."""
    labels = {str(name): str(value) for name, value in one.get("labels", {}).items()}
    return Sample(
        str(one["name"]), float(one["value"]), labels | {"source": source}, str(one.get("help", ""))
    )
