"""JSON objects that carry their own digest, so that one flipped bit is noticed, and digests of other files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = "sha256"


def seal(content: Mapping[str, Any]) -> str:
    """The text of a JSON object, its seal as the last key."""
    plain = json.loads(json.dumps(content))
    return json.dumps(plain | {SEAL: digest_of(plain)}, indent=1)


def unseal(text: bytes | str, strict: bool = True) -> dict[str, Any]:
    """The object that was sealed; raises ValueError saying what is wrong. Unless `strict` it may have no seal."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    found = content.pop(SEAL, None)
    if found != digest_of(content) and (strict or found is not None):
        raise ValueError("it does not match its digest")
    return content


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 of an object, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of those files of a folder that are there, by name."""
    there = [name for name in names if (folder / name).is_file()]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in there}


def matches(content: bytes, digest: Any) -> bool:
    """Whether content is that of a digest; None is a digest that nobody took, as in runs of older versions."""
    return digest is None or hashlib.sha256(content).hexdigest() == digest
