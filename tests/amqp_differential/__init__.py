"""The same conversations with Warren and with rabbitmq-server, compared word for word.

    cd tests && ../target/venv/bin/python -m amqp_differential                 all scenarios, both servers
    cd tests && ../target/venv/bin/python -m amqp_differential queues -v       one group, with what was observed

A scenario is a function in one of the modules here; it does something and notes what came back. What must
differ (a name, a version, a deliberate choice) stands in `differences.py`, each with its reason.
"""
