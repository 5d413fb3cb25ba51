"""Prints the README's walk through as a script. Usage: tour.py README.md

A fenced block counts when the line before it is `<!-- tour: NAME -->`. A comment
`<!-- tour-hidden: NAME` … `-->` holds commands that stand in for a person."""

import re
import socket
import sys


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    blocks = [
        (found["name"] or found["hidden"], found["shown"] or found["inside"])
        for found in re.finditer(
            r"^<!-- tour: (?P<name>[^\n]+?) -->\n```sh\n(?P<shown>.*?)^```$"
            r"|^<!-- tour-hidden: (?P<hidden>[^\n]+)\n(?P<inside>.*?)^-->$",
            text,
            re.MULTILINE | re.DOTALL,
        )
    ]
    if len(blocks) < text.count("<!-- tour") or not blocks:
        sys.exit(f"{path}: a tour marker without its block")
    ports = {"8025": free_port(), "8026": free_port()}
    print("set -eo pipefail")
    # Every background program's id is kept, so that whoever started the tour can end it.
    print('tour_done() { jobs -p > "$PIDS/tour.pid"; echo; echo "tour step $1 ok"; }')
    for name, commands in blocks:
        for port, free in ports.items():
            commands = re.sub(rf"\b{port}\b", free, commands)
        # Here documents must not be indented: the block stands as it is in the README.
        print(f"\n# {name}\n{commands.rstrip()}\ntour_done '{name}'")


if __name__ == "__main__":
    main(sys.argv[1])
