"""Requests that bring a Kerberos ticket where the server asks for one: HTTP's Negotiate.

https://datatracker.ietf.org/doc/html/rfc4559
https://hadoop.apache.org/docs/stable/hadoop-auth/Configuration.html
"""
from __future__ import annotations

import base64
import os
import re
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.cookies import extract_cookies_to_jar

from spark_apps import gssapi
from spark_apps.gssapi import KdcUnreachable, TicketError

__all__ = ["KdcUnreachable", "Negotiate", "TicketError", "environment", "prepare"]


def environment(keytab: str) -> dict[str, str]:
    """By which MIT's library gets tickets, and gets them anew, by the keytab: into the memory of the process, since a
    file of them would be one more to be kept from others. Without a keytab it is the cache that `kinit` fills."""
    return {"KRB5_CLIENT_KTNAME": f"FILE:{keytab}", "KRB5CCNAME": "MEMORY:hashtide"} if keytab else {}


def prepare(keytab: str = "", principal: str = "") -> None:
    """For this process; TicketError, KdcUnreachable where there will be no ticket."""
    if keytab and not os.access(keytab, os.R_OK):
        raise TicketError(f"keytab {keytab}: " + ("may not be read by this user" if os.path.exists(keytab) else
                                                  "no such file"))
    os.environ.update(environment(keytab))
    gssapi.check(principal)


class Negotiate(requests.auth.AuthBase):
    """Answers a server's 401 with a ticket; of Hadoop's servers a cookie stands for it in the requests that follow.

    A request raises TicketError or KdcUnreachable where there is none, or where the server does not take it.
    """

    def __init__(self, keytab: str = "", principal: str = "") -> None:
        self._keytab, self._principal = keytab, principal

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]
        return request

    def _answered(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        asked = response.request
        # What is sent piece by piece cannot be sent again: half of it would be gone.
        if not _asks(response) or not isinstance(asked.body, (bytes, str, type(None))):
            return response
        host = urlsplit(str(asked.url)).hostname or ""
        prepare(self._keytab, self._principal)
        said = base64.b64encode(gssapi.token(host, self._principal)).decode()
        response.content  # noqa: B018  # read, so that the connection is free
        response.close()
        again = asked.copy()
        extract_cookies_to_jar(again._cookies, asked, response.raw)  # type: ignore[attr-defined, no-untyped-call]
        again.prepare_cookies(again._cookies)  # type: ignore[attr-defined]
        again.headers["Authorization"] = f"Negotiate {said}"
        answer: requests.Response = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        if answer.status_code in (401, 403) and "json" not in answer.headers.get("Content-Type", ""):
            raise TicketError(f"HTTP/{host} does not take the Kerberos ticket{_of(self._principal)}: "
                              f"{answer.status_code} {_words(answer)}")
        return answer


def _asks(response: requests.Response) -> bool:
    return response.status_code == 401 and "negotiate" in response.headers.get("WWW-Authenticate", "").lower()


def _of(principal: str) -> str:
    return f" of {principal}" if principal else ""


def _words(answer: requests.Response) -> str:
    """Of Jetty's page."""
    found = re.search(r"MESSAGE:</th><td>(.*?)</td>", answer.text, re.DOTALL)
    return " ".join((found[1] if found else re.sub(r"<[^>]*>", " ", answer.text)).split())[:200]
