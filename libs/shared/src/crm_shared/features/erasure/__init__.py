"""Erasing a person's data: what every service that holds some needs for it, and no service's business."""
