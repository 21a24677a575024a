"""Hours of both protocols at a rate that the machine bears, to see what grows and what gets lost.

    cd tests && ../target/venv/bin/python -m soak --minutes 30

`load.py` is what all loads have in common, `keys.py` and `messages.py` are the loads, `measures.py` looks at the
process from outside and says whether it drifts. `__main__.py` runs them and checks what is there at the end, and
again after a restart.
"""
