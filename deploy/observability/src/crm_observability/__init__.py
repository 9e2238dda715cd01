"""Objectives, alerts and dashboards as code: `make rules` writes what Prometheus and Grafana read."""
