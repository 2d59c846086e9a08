"""Pictures that staff upload: told by their bytes, never by their name, and kept as they are.

Nothing is decoded here, so that no crafted picture meets a decoder of ours: the size stands in the first bytes of
each format, and browsers decode in a sandbox of their own.
"""

import struct
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_BYTES = 1_000_000
LONGEST_SIDE = 4_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that may be kept: its bytes, what they are, and its size in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int


def read(data: bytes) -> Picture:
    """The picture in these bytes. Raises ValidationError for what is no PNG, JPEG or WebP, or too large."""
    if len(data) > MOST_BYTES:
        raise ValidationError(_("The picture is larger than 1 MB."), code="too_large")
    for media_type, size_in in (("image/png", _png), ("image/jpeg", _jpeg), ("image/webp", _webp)):
        try:
            size = size_in(data)
        except (struct.error, IndexError):
            continue
        if size is None:
            continue
        if not all(1 <= side <= LONGEST_SIDE for side in size):
            raise ValidationError(_("The picture has more than 4,000 pixels a side."), code="too_large")
        return Picture(data, media_type, *size)
    raise ValidationError(_("This is neither a PNG, a JPEG nor a WebP picture."), code="no_picture")


def _png(data: bytes) -> tuple[int, int] | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg(data: bytes) -> tuple[int, int] | None:
    if data[:3] != b"\xff\xd8\xff":
        return None
    place = 2
    while data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        # A start of frame, which is not a table (C4), an extension (C8) or arithmetic conditioning (CC).
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        if marker in (0xD9, 0xDA):
            return None
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    chunk = data[12:16]
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack("<I", data[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None
