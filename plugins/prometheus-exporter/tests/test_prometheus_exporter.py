"""Samples become the text that Prometheus reads, over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_exporter import PrometheusExporter
from prometheus_exporter.exposition import Sample, exposition

from heimnetz_git import Context
from heimnetz_git.sdk.testing import Host, RunningPlugin

HERE = "127.0.0.1"
DAYS = {"name": "days_left", "value": 12, "labels": {"host": 'a"b\\c\n'}, "help": "Days\nleft."}
Start = Callable[..., PrometheusExporter]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the plugin on loopback with sources that answer so."""
    made: list[PrometheusExporter] = []

    def begin(**answers: Any) -> PrometheusExporter:
        def answer(value: Any) -> Callable[..., Any]:
            return lambda: value

        calls = {f"{name}.metrics": answer(value) for name, value in answers.items()}
        sources = [*answers, "absent"]
        config = {"address": HERE, "port": 0, "sources": sources}
        context = Context.for_tests(data=tmp_path, config=config, calls=calls)
        made.append(context.start(PrometheusExporter))
        return made[-1]

    yield begin
    for one in made:
        one.cleanup()


def get(port: int, path: str = "/metrics") -> tuple[int, str, str]:
    """Status, content type and text of a request."""
    connection = HTTPConnection(HERE, port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    finally:
        connection.close()


def test_samples_are_served_as_the_format_says(start: Start) -> None:
    """Labels and help are escaped; the source is a label; one that is absent is down."""
    plugin = start(tls=[DAYS])
    status, kind, text = get(plugin.port())
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert text.splitlines()[:3] == [
        "# HELP days_left Days\\nleft.",
        "# TYPE days_left gauge",
        'days_left{host="a\\"b\\\\c\\n",source="tls"} 12.0',
    ]
    assert 'heimnetz_source_up{source="absent"} 0.0' in text
    assert 'heimnetz_source_up{source="tls"} 1.0' in text
    assert plugin.text() == text


def test_what_is_not_valid_is_dropped_and_counted(start: Start) -> None:
    """A plugin cannot write lines of its own into the document."""
    bad = [{"name": "x 1\nevil", "value": 1}, {"name": "x", "value": 1, "labels": {"a=": "b"}}]
    plugin = start(one=[*bad, DAYS])
    assert plugin.gather().samples == 5
    text = plugin.text()
    assert "evil" not in text
    assert 'heimnetz_source_dropped_samples{source="one"} 2.0' in text


@pytest.mark.parametrize(
    "answer", [None, {"a": 1}, [{"value": 1}], [{"name": "x", "value": "no"}], [5]]
)
def test_a_source_that_answers_something_else_is_down(start: Start, answer: Any) -> None:
    """The others are served."""
    found = start(good=[DAYS], odd=answer).gather()
    assert found.sources == ["good"]
    assert set(found.problems) == {"odd", "absent"}


def test_a_port_that_is_in_use_is_taken_when_it_is_free(tmp_path: Path) -> None:
    """As when a new version takes over from an old one."""
    old = socket.create_server((HERE, 0))
    port = old.getsockname()[1]
    config = {"address": HERE, "port": port, "sources": []}
    plugin = Context.for_tests(data=tmp_path, config=config).start(PrometheusExporter)
    try:
        assert plugin.port() == 0
        old.close()
        for _ in range(400):
            if plugin.port():
                break
            time.sleep(0.05)
        assert get(port)[0] == 200
    finally:
        plugin.cleanup()


def test_one_that_never_gets_its_port_ends_in_good_order(tmp_path: Path) -> None:
    """Without a thread that goes on trying."""
    with socket.create_server((HERE, 0)) as other:
        config = {"address": HERE, "port": other.getsockname()[1], "sources": []}
        plugin = Context.for_tests(data=tmp_path, config=config).start(PrometheusExporter)
        plugin.cleanup()
        assert plugin.port() == 0


def test_only_the_metrics_are_there(start: Start) -> None:
    """No files, no listing."""
    plugin = start()
    assert get(plugin.port(), "/")[0] == 404
    assert get(plugin.port(), "/../etc/passwd")[0] == 404
    assert get(plugin.port(), "/metrics?x=1")[0] == 200


def test_clients_that_stall_keep_nobody_out_for_long(start: Start) -> None:
    """Eight are served at once; the ninth is sent away, and one that leaves makes room."""
    port = start(tls=[DAYS]).port()
    stalled = [socket.create_connection((HERE, port), timeout=10) for _ in range(9)]
    assert stalled[-1].recv(1) == b""
    for one in stalled:
        one.close()
    for _ in range(100):
        try:
            assert get(port)[0] == 200
        except OSError:
            continue  # not noticed yet
        return
    pytest.fail("nobody was let in again")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1.0"), (1e300, "1e+300"), (float("nan"), "NaN"), (float("-inf"), "-Inf")],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, text: str) -> None:
    """Infinities and what is no number have words of their own."""
    assert exposition([Sample("x", value)]) == f"# TYPE x gauge\nx {text}\n"


def test_of_two_samples_with_the_same_labels_the_last_counts() -> None:
    """Prometheus would refuse the whole document."""
    samples = [Sample("x", 1, {"a": "1"}), Sample("x", 2, {"a": "1"}), Sample("x", 3)]
    assert exposition(samples) == '# TYPE x gauge\nx 3.0\nx{a="1"} 2.0\n'


def is_free(port: int) -> bool:
    """Whether nobody else on this machine has the port now."""
    try:
        socket.create_server(("", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not is_free(9464), reason="port 9464 is in use on this machine")
@pytest.mark.plugin_config(address=HERE, sources=["presence"])
def test_it_is_scraped_in_its_sandbox(plugin: RunningPlugin, host: Host) -> None:
    """The built plugin listens on the port that it declares, and asks the plugin that it names."""
    sample = {"name": "presence_home", "value": 1.0, "labels": {"person": "Ada"}}
    host.answer("presence", "metrics", lambda: [sample])
    plugin.start()
    _status, _kind, text = get(9464)
    assert 'presence_home{person="Ada",source="presence"} 1.0' in text
