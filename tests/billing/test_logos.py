"""The company logo: redrawn from the upload, shown on new documents, and not an attack vector."""

import io
import re
from base64 import b64encode
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pypdf import PdfReader

from billing import services
from billing.export import documents
from billing.export.documents import DocumentCache, credit_note_document, invoice_document
from billing.logos import BOX, MAX_UPLOAD, read_logo
from billing.models import SellerLogo
from billing.selectors import current_seller
from core.tenancy import tenant_context
from tests.billing.factories import make_credit_note, make_invoice
from tests.billing.test_invoice_links import link_to, path_of
from tests.clients import ApiClient, random_address, sign_in
from tests.factories import SYSTEM, World, make_key

SCOPES = ("seller:read", "seller:write")


def picture(
    kind: str = "PNG", size: tuple[int, int] = (300, 120), color: Any = (200, 30, 60), **save: Any
) -> bytes:
    """Return an image file of one color."""
    written = io.BytesIO()
    mode = "RGBA" if len(color) == 4 else "RGB"
    Image.new(mode, size, color).save(written, kind, **save)
    return written.getvalue()


def base64(content: bytes) -> str:
    return b64encode(content).decode()


def huge() -> bytes:
    """Return a small file that claims to be an image of 30 000 × 30 000 pixels."""
    content = bytearray(picture(size=(1, 1)))
    content[16:24] = (30_000).to_bytes(4, "big") * 2  # the size in IHDR, which Pillow reads first
    return bytes(content)


def camera() -> bytes:
    """Return a photograph with a rotated orientation and GPS data in EXIF."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate by 90°
    exif[0x010E] = "52.5200N 13.4050E"
    return picture("JPEG", (120, 300), exif=exif)


def test_stored_logo_is_re_encoded_and_small() -> None:
    logo = read_logo(picture(size=(1_500, 1_000)))
    kept = Image.open(io.BytesIO(logo.content))
    assert (logo.content_type, kept.format, kept.mode) == ("image/png", "PNG", "RGB")
    assert (logo.width, logo.height) == kept.size == (360, 240)
    assert all(side <= most for side, most in zip(kept.size, BOX, strict=True))
    assert read_logo(picture(size=(1_500, 1_000))) == logo


def test_image_metadata_is_removed() -> None:
    logo = read_logo(camera() + b"<script>hidden()</script>")
    assert (logo.width, logo.height) == (300, 120)  # upright
    for hidden in (b"52.5200N", b"hidden", b"Exif", b"ICC_PROFILE"):
        assert hidden not in logo.content
    assert dict(Image.open(io.BytesIO(logo.content)).getexif()) == {}


def test_transparency_becomes_white_and_photographs_stay_small() -> None:
    clear = Image.open(io.BytesIO(read_logo(picture(color=(0, 0, 0, 0))).content))
    assert clear.getpixel((5, 5)) == (255, 255, 255)
    noise = io.BytesIO()
    Image.effect_noise((600, 240), 80).convert("RGB").save(noise, "JPEG", quality=80)
    logo = read_logo(noise.getvalue())
    assert (logo.content_type, len(logo.content) < 150_000) == ("image/jpeg", True)


REFUSED = {
    "nothing": b"",
    "no picture": b"%PDF-1.7",
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a GIF": picture("GIF"),
    "a WebP": picture("WEBP"),
    "a decompression bomb": huge(),
    "too many pixels": picture(size=(2_001, 2_000)),
    "too many bytes": picture() + b"\x00" * MAX_UPLOAD,
    "half a PNG": picture()[:-40],
    "a PNG with a broken head": picture()[:20] + b"\xff" * 20,
    "half a JPEG": picture("JPEG")[:200],
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_files_other_than_small_png_or_jpeg_images_are_refused(world: World, content: bytes) -> None:
    client = ApiClient(make_key(world.company, scopes=SCOPES).client_secret)

    answer = client.patch("/v1/seller", {"logo": base64(content), "legal_name": "Another GmbH"})

    assert answer.status == 400
    assert [each["field"] for each in answer.json["error"]["fields"]] == ["logo"]
    with tenant_context(world.tenant()):
        assert (SellerLogo.objects.count(), current_seller().legal_name) == (0, "Acme Maschinenbau GmbH")


def test_logo_belongs_to_its_mode_and_can_be_replaced_and_removed(world: World) -> None:
    live, test = (
        ApiClient(make_key(world.company, mode=mode, scopes=SCOPES).client_secret)
        for mode in ("live", "test")
    )
    shown = live.patch("/v1/seller", {"logo": base64(picture())}).json["logo"]
    assert (shown["content_type"], shown["width"], shown["height"]) == ("image/png", 300, 120)
    assert live.get("/v1/seller").json["logo"] == shown
    assert test.get("/v1/seller").json["logo"] is None
    other = live.patch("/v1/seller", {"logo": base64(picture(color=(0, 0, 0)))}).json["logo"]
    assert other["sha256"] != shown["sha256"]
    assert live.patch("/v1/seller", {"logo": base64(picture())}).json["logo"] == shown
    assert live.patch("/v1/seller", {"logo": None}).json["logo"] is None
    with tenant_context(world.tenant()):
        assert SellerLogo.objects.count() == 2


def images_of(pdf: bytes) -> list[tuple[int, int]]:
    return [image.image.size for image in PdfReader(io.BytesIO(pdf)).pages[0].images]


def test_documents_show_the_logo_of_their_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_kept", DocumentCache(0))  # each is redrawn
    tenant, stranger = world.tenant(), Client(REMOTE_ADDR=random_address())
    with tenant_context(tenant):
        services.update_seller(actor=SYSTEM, logo=picture())
    invoice = make_invoice(tenant, finalize=True)
    note = make_credit_note(tenant, invoice=invoice)
    before = invoice_document(tenant, invoice.public_id).content
    with tenant_context(tenant):
        services.update_seller(actor=SYSTEM, logo=None)
        services.update_customer(customer=invoice.customer, actor=SYSTEM, name="Somebody else")

    assert images_of(before) == [(300, 120)]
    assert images_of(credit_note_document(tenant, note.public_id).content) == [(300, 120)]
    assert invoice_document(tenant, invoice.public_id).content == before
    page = stranger.get(path_of(link_to(invoice))).content.decode()
    assert len(re.findall(r'<img class="logo" src="data:image/png;base64,[A-Za-z0-9+/=]+"', page)) == 1
    later = make_invoice(tenant, finalize=True)
    assert images_of(invoice_document(tenant, later.public_id).content) == []


def test_admin_uploads_and_removes_a_logo(world: World) -> None:
    browser = sign_in(world.owner, world.company)
    fields = {"language": "en", "legal_name": "Acme"}
    file = SimpleUploadedFile("logo.png", picture(), content_type="image/png")

    assert browser.post("/invoicing/edit/", {**fields, "logo": file}).status_code == 302
    assert '<img class="logo" src="data:image/png;base64,' in browser.get("/invoicing/").content.decode()

    # Saved again without a file, the logo stays; an invalid file is refused on its field.
    assert browser.post("/invoicing/edit/", fields).status_code == 302
    wrong = SimpleUploadedFile("logo.png", b"nothing", content_type="image/png")
    refused = browser.post("/invoicing/edit/", {**fields, "logo": wrong})
    assert (refused.status_code, "This is not a readable PNG or JPEG" in refused.content.decode()) == (
        422,
        True,
    )
    with tenant_context(world.tenant()):
        assert current_seller().logo is not None
    assert browser.post("/invoicing/edit/", {**fields, "remove_logo": "on"}).status_code == 302
    with tenant_context(world.tenant()):
        assert current_seller().logo is None
