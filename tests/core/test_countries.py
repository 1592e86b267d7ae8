"""The country list of addresses, compared with the regions of phone numbers."""

from phonenumbers import SUPPORTED_REGIONS

from core.values.countries import COUNTRIES


def test_every_region_with_phone_numbers_is_listed() -> None:
    # Ascension and Tristan da Cunha are regions of Saint Helena; they have telephones, and no code of their own.
    assert SUPPORTED_REGIONS.difference(COUNTRIES) == {"AC", "TA"}


def test_the_missing_regions_have_no_phone_numbers() -> None:
    assert COUNTRIES.difference(SUPPORTED_REGIONS) == {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}
    assert len(COUNTRIES) == 249 + 1
