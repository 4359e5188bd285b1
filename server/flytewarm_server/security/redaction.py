"""Texts that others read, without the secrets that URLs carry: passwords, and what a signature is made of."""

from __future__ import annotations

import re

# A user with or without password, up to the last @ before the path; and a query, of something that has //. Up to the
# next space: a quotation mark may end a URL that is quoted, but may also be a part of its password.
_USER = re.compile(r"//[^\s/?]*@")
_QUERY = re.compile(r"(//[^\s?]*)\?\S+")


def redacted(text: str) -> str:
    """`text` with the user, the password and the query of each URL in it left out."""
    return _QUERY.sub(r"\1?***", _USER.sub("//***@", text)) if "//" in text else text
