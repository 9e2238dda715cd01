"""What turned the open pipeline of one moment into that of another."""
