"""Checks a Dockerfile without an engine: instructions are known, stages that are copied from
exist, sources are pinned, the last stage does not run as root, nothing is added from the network,
package lists are removed in the layer that brought them, entry point and command are lists, and
no build argument or variable holds a secret. Usage: lint_dockerfile.py FILE"""

import json
import os
import re
import sys

KNOWN = set(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL "
    "USER VOLUME WORKDIR".split()
)


def instructions(text):
    """(line, instruction, rest), with continued lines joined and comments left out."""
    joined, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not joined and not line.strip()):
            continue
        begun = begun if joined else number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        word, _, rest = (joined + line).strip().partition(" ")
        joined = ""
        yield begun, word, rest.strip()


def check(path):
    wrong, stages, user, root = [], [], None, os.getcwd()
    with open(path, encoding="utf-8") as file:
        found = list(instructions(file.read()))
    if not found or found[0][1] not in ("FROM", "ARG"):
        wrong.append((1, "the first instruction is FROM"))
    for line, word, rest in found:
        if word not in KNOWN:
            wrong.append((line, f"{word} is no instruction (in capitals)"))
        elif word == "FROM":
            image, *named = re.split(r"\s+AS\s+", rest, flags=re.IGNORECASE)
            if image not in stages and not re.search(r":[^/]*\d|@sha256:", image):
                wrong.append((line, f"{image} names no version"))
            stages.append(named[0] if named else str(len(stages)))
            user = None
        elif word == "USER":
            user = rest
        elif word == "ADD":
            wrong.append((line, "COPY says what it does; ADD fetches and unpacks"))
        elif word == "COPY":
            source = re.match(r"--from=(\S+)", rest)
            if source and source[1] not in stages:
                wrong.append((line, f"there is no stage {source[1]}"))
            if not source:
                for name in [w for w in rest.split()[:-1] if not w.startswith("--")]:
                    if not os.path.exists(os.path.join(root, name)):
                        wrong.append((line, f"{name} is not there"))
        elif word in ("CMD", "ENTRYPOINT"):
            try:
                json.loads(rest)
            except ValueError:
                wrong.append((line, f"{word} is a list, so that signals arrive"))
        elif word == "RUN":
            if "apt-get install" in rest and (
                "--no-install-recommends" not in rest or "rm -rf /var/lib/apt/lists" not in rest
            ):
                wrong.append((line, "apt-get without recommendations, lists removed in the layer"))
            if re.search(r"\bsudo\b|curl[^|]*\|\s*(ba)?sh", rest):
                wrong.append((line, "no sudo, nothing piped from the network into a shell"))
        elif word in ("ENV", "ARG"):
            for name in re.findall(r"(\w*(?:SECRET|PASSWORD|TOKEN|MASTER_KEY))=", rest):
                wrong.append((line, f"{name}: secrets do not belong into an image"))
    if user is None or user.split(":")[0] in ("root", "0"):
        wrong.append((found[-1][0], "the last stage runs as root"))
    for line, text in wrong:
        print(f"{path}:{line}: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]))
