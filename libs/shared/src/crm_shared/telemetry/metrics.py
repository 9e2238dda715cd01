"""The HTTP metrics. Kind, unit and meaning stand with each name; the bus's and the relay's stand with their code."""

from prometheus_client import Counter, Histogram

HTTP_REQUESTS = Counter(
    "crm_http_requests", "Requests answered, by route template, method and status", ["route", "method", "status"]
)
HTTP_SECONDS = Histogram(
    "crm_http_request_seconds",
    "Seconds from the route's start to its answer, by route template and method",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STREAMS_CUT = Counter("crm_http_streams_cut", "Streamed answers ended before their end, by what ended them", ["reason"])
