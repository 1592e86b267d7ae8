"""Logos: a picture that somebody sent becomes one of ours, small, still, and without anything that was hidden in the file.

What is kept is drawn anew by Pillow from the pixels alone, so neither EXIF (a camera's place, a thumbnail of what was cut off), nor a
colour profile, nor bytes behind the picture reach a document or a page.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_UPLOAD = 524_288  # bytes
MAX_PIXELS = 4_000_000  # 16 MB while it is read: a small file can say that it is a huge picture
BOX = (600, 240)  # pixels of what is kept: 300 dpi at the size of a document's head
MAX_PNG = 65_536  # bytes; a photograph is much smaller as JPEG
_FORMATS = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo as it is kept."""

    content: bytes
    content_type: str
    width: int
    height: int


def read_logo(sent: bytes) -> Logo:
    """Return the picture in `sent`, drawn anew on white within `BOX`. The same bytes make the same logo.

    Raises ValueError, with a sentence for people, for what is too large, no PNG or JPEG, or broken.
    """
    # As the font machinery: heavy to import, and few processes ever read a logo.
    from PIL import Image

    if len(sent) > MAX_UPLOAD:
        raise ValueError(f"Use a file of at most {MAX_UPLOAD // 1024} KiB.")
    try:
        with Image.open(io.BytesIO(sent), formats=_FORMATS) as picture:
            # Only the head of the file has been read.
            is_small = picture.width * picture.height <= MAX_PIXELS
            drawn = _redraw(picture) if is_small else None
    except Exception as error:  # of broken bytes Pillow's decoders raise what they like
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
