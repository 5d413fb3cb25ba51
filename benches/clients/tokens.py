"""How fast msal finds a token that it has, with one account in its cache and with many, and how
fast it fetches one anew. Prints one JSON line, in tokens a second."""

import base64
import json
import time

import msal
from msal_setup import APPLICATION_SCOPES, AUTHORITY_HOST, SCOPES, application, setting

SECONDS = 1.5
TIMES = 3


def rate(work):
    """The median of how often a second something can be done."""
    found = []
    for _ in range(TIMES):
        done, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < SECONDS:
            work()
            done += 1
        found.append(done / taken)
    return sorted(found)[TIMES // 2]


def must(answer):
    if not answer or "access_token" not in answer:
        raise AssertionError(answer)
    return answer


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def user(number):
    return f"user{number}@contoso.example"


def with_users(count):
    """A cache with the tokens of so many users, as msal itself keeps them."""
    cache, tenant = msal.TokenCache(), setting("TENANT_ID")
    for number in range(count):
        claims = {
            "aud": setting("CLIENT_ID"),
            "iss": f"https://{AUTHORITY_HOST}/{tenant}/v2.0",
            "exp": int(time.time()) + 3600,
            "sub": f"sub{number}",
            "oid": f"oid{number}",
            "tid": tenant,
            "preferred_username": user(number),
        }
        cache.add(
            {
                "client_id": setting("CLIENT_ID"),
                "scope": SCOPES,
                "token_endpoint": f"https://{AUTHORITY_HOST}/{tenant}/oauth2/v2.0/token",
                "environment": AUTHORITY_HOST,
                "grant_type": "authorization_code",
                "response": {
                    "token_type": "Bearer",
                    "access_token": "t" * 1500,
                    "refresh_token": "r" * 800,
                    "expires_in": 3600 * 4,
                    "scope": " ".join(SCOPES),
                    "id_token": f"{encoded({'alg': 'none'})}.{encoded(claims)}.x",
                    "client_info": encoded({"uid": f"oid{number}", "utid": tenant}),
                },
            }
        )
    return cache


def with_applications(count):
    """A cache with the tokens of so many applications, ours among them."""
    cache, tenant = msal.TokenCache(), setting("TENANT_ID")
    for number in range(count):
        cache.add(
            {
                "client_id": setting("CLIENT_ID") if number == 0 else f"client{number}",
                "scope": APPLICATION_SCOPES,
                "token_endpoint": f"https://{AUTHORITY_HOST}/{tenant}/oauth2/v2.0/token",
                "environment": AUTHORITY_HOST,
                "grant_type": "client_credentials",
                "response": {
                    "token_type": "Bearer",
                    "access_token": "t" * 1500,
                    "expires_in": 3600 * 4,
                },
            }
        )
    return cache


def for_client(count):
    app = application(with_applications(count))
    return rate(lambda: must(app.acquire_token_for_client(APPLICATION_SCOPES)))


def silent(count):
    app = application(with_users(count))
    accounts = app.get_accounts()
    at = [0]

    def work():
        at[0] = (at[0] + 7919) % count
        must(app.acquire_token_silent(SCOPES, accounts[at[0]]))

    return rate(work)


def by_name(count):
    app = application(with_users(count))
    at = [0]

    def work():
        at[0] = (at[0] + 7919) % count
        (account,) = app.get_accounts(username=user(at[0]))
        must(app.acquire_token_silent(SCOPES, account))

    return rate(work)


def anew():
    app = application()

    def work():
        must(app.acquire_token_for_client(APPLICATION_SCOPES))
        app.remove_tokens_for_client()

    return rate(work)


many = int(setting("ACCOUNTS"))
print(
    json.dumps(
        {
            "accounts": many,
            "forClient": for_client(1),
            "forClientOfMany": for_client(many),
            "silent": silent(1),
            "silentOfMany": silent(many),
            "byName": by_name(1),
            "byNameOfMany": by_name(many),
            "anew": anew(),
        }
    )
)
