"""Where Warren and RabbitMQ 3.10 differ on purpose.

By scenario and label: what Warren's line must hold instead, and why.
"""

DIFFERENCES: dict[str, dict[str, tuple[str, str]]] = {}
