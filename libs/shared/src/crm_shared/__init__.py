"""What every service uses, and no service's business."""
