"""What starts a service's processes: the roof, which may import all below."""
