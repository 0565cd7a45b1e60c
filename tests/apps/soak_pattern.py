"""Bodies that belong to one request, and whose parts belong to one place in it."""

import hashlib

PART = 4096


def pattern(request, size, start=0) -> bytes:
    """The bytes from `start` on, as many as `size`."""
    filler = hashlib.sha256(str(request).encode()).digest() * (PART // 32)
    first, parts = start // PART, []
    for number in range(first, -(-(start + size) // PART)):
        head = b"%d.%s." % (number, str(request).encode())
        parts.append(head + filler[len(head):])
    return b"".join(parts)[start - first * PART:][:size]


def digest(blocks) -> bytes:
    hashed, length = hashlib.sha256(), 0
    for block in blocks:
        hashed.update(block)
        length += len(block)
    return f"{length} {hashed.hexdigest()}".encode()
