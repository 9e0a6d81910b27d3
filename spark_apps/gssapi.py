"""Tokens by which a client shows who it is to a web server that asks for Kerberos, from MIT's GSSAPI library.

By ctypes: the Python packages gssapi and krb5 have no wheels for Linux, so that each host would need a compiler and
headers, while the library itself is on every Debian that has curl or krb5-user.
https://datatracker.ietf.org/doc/html/rfc2744  https://web.mit.edu/kerberos/krb5-latest/doc/appdev/gssapi.html
"""
from __future__ import annotations

import ctypes
import functools
import re
from ctypes import POINTER, Structure, byref, c_char_p, c_size_t, c_uint32, c_void_p
from typing import Any

_LIBRARY, _PACKAGE = "libgssapi_krb5.so.2", "libgssapi-krb5-2"
_ERROR = 0xFFFF0000              # the bits of a major status that say so
_INDEFINITE = 0xFFFFFFFF
_INITIATE = 1
_OF_GSS, _OF_MECHANISM = 1, 2    # whose code is to be put into words
# By its words: SPNEGO gives numbers of its own for Kerberos's codes.
_AWAY = re.compile(r"Cannot contact any KDC|Cannot resolve network address for KDC")


class TicketError(Exception):
    """No ticket, so that nobody says who asks. That is no outage: a person has to do something. One line."""


class KdcUnreachable(TicketError):
    """No KDC answers; the next try may go better."""


class _Buffer(Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))

    def take(self) -> bytes:
        """Its bytes, which are given back to the library."""
        data = ctypes.string_at(self.value, self.length) if self.value else b""
        _library().gss_release_buffer(byref(c_uint32()), byref(self))
        return data


class _Oid(Structure):
    _fields_ = (("length", c_uint32), ("elements", c_char_p))


class _OidSet(Structure):
    _fields_ = (("count", c_size_t), ("elements", POINTER(_Oid)))


def _oid(text: str) -> _Oid:
    return _Oid(len(bytes.fromhex(text)), bytes.fromhex(text))


_SERVICE = _oid("2a864886f71201020104")      # GSS_C_NT_HOSTBASED_SERVICE
_PRINCIPAL = _oid("2a864886f71201020201")    # GSS_KRB5_NT_PRINCIPAL_NAME
_KERBEROS = _oid("2a864886f712010202")
_SPNEGO = _oid("2b0601050502")


@functools.cache
def _library() -> Any:
    try:
        found = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise TicketError(f"{_LIBRARY} is not on this machine: `apt-get install {_PACKAGE}`") from None
    for name in ("gss_import_name", "gss_release_name", "gss_acquire_cred", "gss_release_cred", "gss_release_buffer",
                 "gss_init_sec_context", "gss_delete_sec_context", "gss_display_status"):
        getattr(found, name).restype = c_uint32
    return found


def token(host: str, principal: str = "") -> bytes:
    """For the service HTTP/host; as `principal`, or as whose ticket there is.

    The ticket is from the cache that KRB5CCNAME names; one that is missing or has ended is got by the keytab that
    KRB5_CLIENT_KTNAME names. TicketError, KdcUnreachable.
    """
    gss, name, credential = _library(), c_void_p(), c_void_p()
    context, said, minor = c_void_p(), _Buffer(), c_uint32()
    try:
        credential = _acquired(principal)
        name = _name(f"HTTP@{host}", _SERVICE)
        major = gss.gss_init_sec_context(
            byref(minor), credential, byref(context), name, byref(_SPNEGO), 0, c_uint32(_INDEFINITE), None, None, None,
            byref(said), None, None)
        _check(major, minor, f" for HTTP/{host}")
        return said.take()
    finally:
        gss.gss_delete_sec_context(byref(minor), byref(context), None)
        gss.gss_release_name(byref(minor), byref(name))
        gss.gss_release_cred(byref(minor), byref(credential))


def check(principal: str = "") -> None:
    """TicketError, KdcUnreachable where `token` could not even begin."""
    _library().gss_release_cred(byref(c_uint32()), byref(_acquired(principal)))


def _acquired(principal: str) -> c_void_p:
    gss, name, found, minor = _library(), c_void_p(), c_void_p(), c_uint32()
    try:
        if principal:
            name = _name(principal, _PRINCIPAL)
        # By itself SPNEGO would hide why Kerberos has nothing.
        wanted = (_Oid * 2)(_KERBEROS, _SPNEGO)
        major = gss.gss_acquire_cred(byref(minor), name, c_uint32(_INDEFINITE), byref(_OidSet(2, wanted)), _INITIATE,
                                     byref(found), None, None)
        _check(major, minor, f" of {principal}" if principal else "")
        return found
    finally:
        gss.gss_release_name(byref(minor), byref(name))


def _name(text: str, kind: _Oid) -> c_void_p:
    found, minor, data = c_void_p(), c_uint32(), text.encode()
    value = ctypes.create_string_buffer(data)
    major = _library().gss_import_name(
        byref(minor), byref(_Buffer(len(data), ctypes.cast(value, c_void_p))), byref(kind), byref(found))
    _check(major, minor, f" of {text}")
    return found


def _check(major: int, minor: c_uint32, whose: str) -> None:
    if major & _ERROR:
        text = _words(minor.value, _OF_MECHANISM) if minor.value else _words(major, _OF_GSS)
        raise (KdcUnreachable if _AWAY.search(text) else TicketError)(f"no Kerberos ticket{whose}: {text}")


def _words(code: int, whose: int) -> str:
    more, minor, said = c_uint32(), c_uint32(), _Buffer()
    _library().gss_display_status(byref(minor), c_uint32(code), whose, byref(_KERBEROS), byref(more), byref(said))
    return " ".join(said.take().decode(errors="replace").split())
