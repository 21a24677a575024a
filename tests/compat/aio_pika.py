"""aio-pika's tests, plain connections and robust ones. They would start RabbitMQ in a container; ours is there."""

from compat.pytest_suite import run_pytest
from compat.suite import Counts, adapt, checkout, main, skipped_tests

URL, TAG = "https://github.com/mosquito/aio-pika", "9.6.0"


def run(server, files: list[str]) -> Counts:
    directory = checkout("aio-pika", URL, TAG)
    container = 'docker("mosquito/aiormq-rabbitmq", ["5672/tcp", "5671/tcp"])'
    ours = f'ContainerInfo(id="-", host="127.0.0.1", ports={{"5672/tcp": {server.amqp_port}, "5671/tcp": 0}})'
    host_info = "check_docker_available()\n    except"
    adapt(directory / "tests/conftest.py", {container: ours, host_info: "None\n    except"})
    words = [word for test in skipped_tests("aio_pika") for word in ("--deselect", test)]
    return run_pytest(directory, words + [f"tests/{name}.py" for name in files] or words + ["tests"])


if __name__ == "__main__":
    main("aio-pika", run)
