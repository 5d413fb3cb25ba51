"""What becomes of threads that all find a token expired, where a refresh token works once: how many
are answered invalid_grant. One application object, as msal's documentation has it for a server.
Prints one JSON line."""

import json
import sys
import threading
from pathlib import Path

from msal_setup import SCOPES, application, setting

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "clients" / "python"))
from signin import sign_in

REDIRECT = "http://localhost:8400/"


def signed_in():
    """An application with the user signed in."""
    app = application()
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri=REDIRECT)
    address = flow["auth_uri"].replace(
        "https://login.sandbox.example", setting("AUTHORITY_URL"), 1
    )
    arrived = sign_in(address, setting("USER_NAME"), setting("USER_PASSWORD"), REDIRECT)
    answer = app.acquire_token_by_auth_code_flow(flow, arrived)
    if "access_token" not in answer:
        raise AssertionError(answer)
    return app


def storm(app, callers):
    """So many threads at once. The token counts as over: that is what a server finds after an
    hour."""
    (account,) = app.get_accounts()
    with app.token_cache._lock:
        for token in app.token_cache._cache["AccessToken"].values():
            token["expires_on"] = "1"
    answers, together = [], threading.Barrier(callers)

    def work():
        together.wait()
        answers.append(app.acquire_token_silent_with_error(SCOPES, account))

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(1 for it in answers if it and it.get("error") == "invalid_grant")


callers, rounds = int(setting("CALLERS")), int(setting("ROUNDS"))
refused = [storm(signed_in(), callers) for _ in range(rounds)]
print(json.dumps({"callers": callers, "rounds": rounds, "refused": refused}))
