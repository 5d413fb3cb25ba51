"""Goes through Entra's or the sandbox's sign-in pages as a person with a browser would: fills in
the forms that are shown and follows redirects. Only Python's own library is used.

As a program: signin.py AUTHORIZE_URL USER PASSWORD goes on to the end and prints the text of the
page that the sign-in ends on."""

import http.cookiejar
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser


class Page(HTMLParser):
    """A page's text and its first form: where it goes, its fields, its buttons."""

    def __init__(self, html):
        super().__init__()
        self.action, self.fields, self.buttons, self.text = None, {}, [], []
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self._hidden = tag in ("style", "script")
        if tag == "form" and self.action is None:
            self.action = attributes.get("action") or ""
        elif tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value") or ""
        elif tag == "button" and attributes.get("name"):
            self.buttons.append((attributes["name"], attributes.get("value") or ""))

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if not self._hidden and data.strip():
            self.text.append(data.strip())


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def browser():
    """Opens an address and gives status, the address redirected to, and the page."""
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        urllib.request.HTTPSHandler(
            context=ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        ),
        NoRedirects,
    )

    def visit(url, fields=None):
        data = None if fields is None else urllib.parse.urlencode(fields).encode()
        try:
            answer = opener.open(url, data, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        location = answer.headers.get("Location")
        if location and 300 <= answer.status < 400:
            return answer.status, urllib.parse.urljoin(url, location), None
        return answer.status, None, Page(answer.read().decode("utf-8", "replace"))

    return visit


def sign_in(authorize_url, user, password, redirect_uri=None):
    """Signs in. With `redirect_uri`, stops before it and gives the parameters that arrive there;
    without, goes on and gives the text of the page that the sign-in ends on."""
    visit = browser()
    at, fields, signed_in = authorize_url, None, False
    for _ in range(12):
        status, target, page = visit(at, fields)
        if target:
            if redirect_uri and target.startswith(redirect_uri):
                return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
            at, fields = target, None
            continue
        text = " ".join(page.text)
        if page.action is None or status != 200:
            if redirect_uri or not signed_in or status != 200:
                raise AssertionError(f"{status}: {text[:500]}")
            return text
        fields = dict(page.fields)
        if "login" in fields:
            if signed_in:
                raise AssertionError(f"not signed in: {text[:500]}")
            fields["login"], fields["passwd"], signed_in = user, password, True
        # The button that goes on; the other one cancels.
        fields.update(button for button in page.buttons if button[1] != "cancel")
        at = urllib.parse.urljoin(at, page.action)
    raise AssertionError("the sign-in did not come to an end")


if __name__ == "__main__":
    print(sign_in(*sys.argv[1:4]))
