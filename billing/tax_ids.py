"""Tax identifiers of sellers and customers: their kinds, and their validation (python-stdnum).

A number is validated by its country's rules, including check digits; only the country's register (VIES for the European Union)
knows whether it has been assigned, and no network is queried here.
"""

from dataclasses import dataclass
from importlib import import_module

from stdnum.exceptions import ValidationError

# Where the invoicing rules of Directive 2006/112/EC apply (Monaco and the Isle of Man are in none of our lists).
EU_MEMBERS = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
MAX_TAX_IDS = 5
MAX_TAX_ID = 40


@dataclass(frozen=True, slots=True)
class TaxIdKind:
    """The label of a kind on documents, and the python-stdnum module with its rules."""

    label: str
    module: str


KINDS: dict[str, TaxIdKind] = {
    "eu_vat": TaxIdKind("VAT ID", "stdnum.eu.vat"),
    "gb_vat": TaxIdKind("VAT", "stdnum.gb.vat"),
    "ch_vat": TaxIdKind("MWST/TVA/IVA", "stdnum.ch.vat"),
    "no_mva": TaxIdKind("MVA", "stdnum.no.mva"),
    "is_vsk": TaxIdKind("VSK", "stdnum.is_.vsk"),
    "rs_pib": TaxIdKind("PIB", "stdnum.rs.pib"),
    "tr_vkn": TaxIdKind("VKN", "stdnum.tr.vkn"),
    "de_stnr": TaxIdKind("Steuernummer", "stdnum.de.stnr"),
    "es_nif": TaxIdKind("NIF", "stdnum.es.nif"),
    "us_ein": TaxIdKind("EIN", "stdnum.us.ein"),
    "ca_bn": TaxIdKind("GST/HST", "stdnum.ca.bn"),
    "mx_rfc": TaxIdKind("RFC", "stdnum.mx.rfc"),
    "br_cnpj": TaxIdKind("CNPJ", "stdnum.br.cnpj"),
    "ar_cuit": TaxIdKind("CUIT", "stdnum.ar.cuit"),
    "cl_rut": TaxIdKind("RUT", "stdnum.cl.rut"),
    "co_nit": TaxIdKind("NIT", "stdnum.co.nit"),
    "au_abn": TaxIdKind("ABN", "stdnum.au.abn"),
    "nz_ird": TaxIdKind("GST", "stdnum.nz.ird"),
    "in_gstin": TaxIdKind("GSTIN", "stdnum.in_.gstin"),
    "jp_cn": TaxIdKind("法人番号", "stdnum.jp.cn"),
    "kr_brn": TaxIdKind("BRN", "stdnum.kr.brn"),
    "cn_uscc": TaxIdKind("USCC", "stdnum.cn.uscc"),
    "sg_uen": TaxIdKind("UEN", "stdnum.sg.uen"),
    "th_tin": TaxIdKind("TIN", "stdnum.th.tin"),
    "vn_mst": TaxIdKind("MST", "stdnum.vn.mst"),
    "il_hp": TaxIdKind("HP", "stdnum.il.hp"),
    "za_tin": TaxIdKind("TIN", "stdnum.za.tin"),
}
# One of these is required on an invoice from a member of the EU (Directive 2006/112/EC, article 226 (3); the Steuernummer by § 14
# (4) UStG).
OF_EU_SELLERS = frozenset({"eu_vat", "de_stnr", "es_nif"})


def read_tax_id(kind: str, text: str) -> str:
    """Return the number in compact form: "DE 136 695 976" is DE136695976. Raises ValueError with a message for users."""
    if kind not in KINDS:
        raise ValueError(f"Use one of {', '.join(KINDS)}.")
    rules = import_module(KINDS[kind].module)
    try:
        number = rules.validate(text)
    except ValidationError as error:
        raise ValueError(f"This is not a valid {kind} number: {_why(error)}.") from error
    return str(number)


def _why(error: ValidationError) -> str:
    return str(error).rstrip(".").replace("The number", "it").replace("the number", "it")
