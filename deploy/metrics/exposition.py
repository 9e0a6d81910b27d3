"""The samples as Prometheus reads them, in its text format, by its own client library."""
from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.metrics import samples
from deploy.metrics.names import COUNTER, FAMILIES
from deploy.metrics.reading import Everything
from deploy.metrics.samples import Sample

#: Of text format 0.0.4, which every Prometheus and the node exporter's text files take.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Collector(Collector):
    def __init__(self, told: Iterable[Sample]) -> None:
        self._told = list(told)

    def collect(self) -> Iterator[Metric]:
        for name, family in FAMILIES.items():
            kind = CounterMetricFamily if family.kind == COUNTER else GaugeMetricFamily
            made = kind(name, family.help, labels=family.labels)
            for _, labels, value in (one for one in self._told if one[0] == name):
                made.add_metric(labels, value)
            if made.samples:
                yield made


def text(read: Everything) -> str:
    registry = CollectorRegistry()
    registry.register(_Collector(samples.of(read)))
    return generate_latest(registry).decode()
