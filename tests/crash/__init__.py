"""Load of both protocols, SIGKILL, and a look at what came back, again and again.

    cd tests && ../target/venv/bin/python -m crash --rounds 200

`loads.py` has one class per kind of load: it notes what it was told is done, and says afterwards what is missing.
`__main__.py` kills the server and keeps count. `make test` has shorter loops of its own (`amqp/test_crash.py`,
`test_durability_resp.py`).
"""
