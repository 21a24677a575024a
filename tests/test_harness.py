"""The harness itself: each server starts, answers, is measured, is killed and starts again on the same directory."""

import signal


def test_start_measure_kill_restart(new_server):
    server = new_server()
    assert server.rss_bytes() > 1_000_000
    assert server.cpu_seconds() >= 0
    server.restart(kill=True)
    assert server.is_running()
    server.restart()
    assert server.stop(signal.SIGTERM) == 0
    assert not server.is_running()
