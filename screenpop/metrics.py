"""What /metrics tells; one registry a service, so that several can live in one process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_MS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counters are raised by the service; gauges ask it when they are read."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.events = Counter("laidian_call_events", "CallEvents heard", ["kind"], registry=r)
        self.refused = Counter("laidian_call_events_refused", "CallEvents without an edge", registry=r)
        self.opened = Counter("laidian_pops_opened", "Pops shown", registry=r)
        self.closed = Counter("laidian_pops_closed", "Pops closed", ["reason"], registry=r)
        self.outcomes = Counter("laidian_lookups", "Look-ups by outcome", ["outcome"], registry=r)
        self.push = Histogram(
            "laidian_ring_to_push_seconds", "PBX time stamp to push", buckets=_MS, registry=r
        )
        self.ack = Histogram(
            "laidian_ring_to_ack_seconds", "PBX time stamp to the browser's ack", buckets=_MS, registry=r
        )
        self.requests = Counter("laidian_http_requests", "HTTP requests", ["status"], registry=r)
        self.sockets_closed = Counter(
            "laidian_sockets_closed", "WebSockets closed by us", ["code"], registry=r
        )
        self.pauses_failed = Counter("laidian_pauses_failed", "QueuePause that failed", registry=r)
        self.routes = Counter("laidian_routes", "Routes by who is rung first", ["first"], registry=r)
        self.routes_late = Counter("laidian_routes_late", "Callers moved after they queued", registry=r)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read when asked for."""
        Gauge(f"laidian_{name}", text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
