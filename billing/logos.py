"""Logos: redraws an uploaded picture, small, still, and without hidden content.

The stored logo is drawn by Pillow from the pixels alone, so that neither EXIF data (a camera's location, a thumbnail of what was
cropped) nor a color profile nor bytes after the image reach a document or a page.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_UPLOAD = 524_288  # bytes
MAX_PIXELS = 4_000_000  # 16 MB while it is decoded: a small file can claim to be a huge picture
BOX = (600, 240)  # pixels of the stored logo: 300 dpi at its size on a document
MAX_PNG = 65_536  # bytes; a photograph is much smaller as JPEG
_FORMATS = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True)
class Logo:
    """A stored logo."""

    content: bytes
    content_type: str
    width: int
    height: int


def read_logo(sent: bytes) -> Logo:
    """Return the picture in `sent`, redrawn on white within `BOX`. The same bytes produce the same logo.

    Raises ValueError, with a message for users, for a file that is too large, not a PNG or JPEG, or broken.
    """
    # Slow to import, and few processes ever read a logo.
    from PIL import Image

    if len(sent) > MAX_UPLOAD:
        raise ValueError(f"Use a file of at most {MAX_UPLOAD // 1024} KiB.")
    try:
        with Image.open(io.BytesIO(sent), formats=_FORMATS) as picture:
            # Only the header of the file has been read.
            is_small = picture.width * picture.height <= MAX_PIXELS
            drawn = _redraw(picture) if is_small else None
    except Exception as error:  # Pillow's decoders raise any exception for broken data
        raise ValueError("This is not a readable PNG or JPEG.") from error
    if drawn is None:
        raise ValueError(f"Use an image of at most {MAX_PIXELS // 1_000_000} million pixels.")
    content, content_type = _encoded(drawn)
    return Logo(content, content_type, drawn.width, drawn.height)


def _redraw(picture: "Image.Image") -> "Image.Image":
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail(BOX)
    drawn = Image.new("RGB", upright.size, "white")
    drawn.paste(upright, mask=upright)
    return drawn


def _encoded(drawn: "Image.Image") -> tuple[bytes, str]:
    png = io.BytesIO()
    drawn.save(png, "PNG", optimize=True)
    if png.tell() <= MAX_PNG:
        return png.getvalue(), "image/png"
    jpeg = io.BytesIO()
    drawn.save(jpeg, "JPEG", quality=85, optimize=True)
    return jpeg.getvalue(), "image/jpeg"
