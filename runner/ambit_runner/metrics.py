"""Counts for /metrics, in Prometheus's text form. Touched by the event loop only."""

from collections import Counter


class Metrics:
    def __init__(self):
        self.finished = Counter()
        self.in_flight = 0
        self.sockets = 0
        self.sockets_opened = 0

    def text(self):
        lines = [
            "# HELP ambit_model_requests_total Requests to the model that have ended, by method and status.",
            "# TYPE ambit_model_requests_total counter",
        ]
        for (method, status), count in sorted(self.finished.items()):
            lines.append(f'ambit_model_requests_total{{method="{method}",status="{status}"}} {count}')
        lines += [
            "# HELP ambit_model_requests_in_flight Requests to the model that have begun and not ended.",
            "# TYPE ambit_model_requests_in_flight gauge",
            f"ambit_model_requests_in_flight {self.in_flight}",
            "# HELP ambit_model_websockets_opened_total WebSockets accepted.",
            "# TYPE ambit_model_websockets_opened_total counter",
            f"ambit_model_websockets_opened_total {self.sockets_opened}",
            "# HELP ambit_model_websockets_open WebSockets that are open.",
            "# TYPE ambit_model_websockets_open gauge",
            f"ambit_model_websockets_open {self.sockets}",
        ]
        return "\n".join(lines) + "\n"
