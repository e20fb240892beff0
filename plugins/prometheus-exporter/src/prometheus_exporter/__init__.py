"""Serves the metrics of other plugins to Prometheus."""

from prometheus_exporter.plugin import PrometheusExporter

__all__ = ["PrometheusExporter"]
