"""What both of msal's programs here begin with."""

import os
import urllib.parse

import msal
import requests

# msal takes https addresses only. The sandbox is asked without TLS, as it is by everybody else in
# the benchmark: this name stands for it.
AUTHORITY_HOST = "login.sandbox.example"
SCOPES = ["https://graph.microsoft.com/User.Read"]
APPLICATION_SCOPES = ["https://graph.microsoft.com/.default"]


def setting(name):
    return os.environ[name]


class Plain:
    """Sends what is for the sandbox there, over connections that are kept."""

    def __init__(self):
        self._root = setting("AUTHORITY_URL")
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=64)
        self._session.mount("http://", adapter)

    def _address(self, url):
        parts = urllib.parse.urlsplit(url)
        return self._root + urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))

    def get(self, url, **options):
        return self._session.get(self._address(url), **options)

    def post(self, url, **options):
        return self._session.post(self._address(url), **options)

    def close(self):
        self._session.close()


class NamedRoot(Plain):
    """The same; and in documents the sandbox's own address becomes the name that stands for it."""

    def get(self, url, **options):
        answer = super().get(url, **options)
        answer._content = answer.content.replace(
            self._root.encode(), f"https://{AUTHORITY_HOST}".encode()
        )
        return answer


def application(cache=None):
    return msal.ConfidentialClientApplication(
        setting("CLIENT_ID"),
        authority=f"https://{AUTHORITY_HOST}/{setting('TENANT_ID')}",
        client_credential=setting("CLIENT_SECRET"),
        token_cache=cache,
        instance_discovery=False,
        http_client=NamedRoot(),
    )
