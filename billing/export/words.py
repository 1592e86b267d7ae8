"""The texts of documents in each language of billing.languages; dates and countries from CLDR (Babel)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date

from billing.languages import Language
from core.values.currencies import SIGNS, decimal_text
from core.values.numbers import NumberStyle

_THIN = "\u202f"


@dataclass(frozen=True, slots=True)
class Words:
    """The texts and number formats of a language."""

    language: str
    style: NumberStyle
    invoice: str
    draft_invoice: str
    billed_to: str
    issued: str
    due: str
    description: str
    quantity: str
    unit_price: str
    discount: str
    tax: str
    amount: str
    subtotal: str
    total: str
    paid: str
    amount_due: str
    page: str
    not_real: str
    draft: str
    void: str
    status_paid: str
    uncollectible: str
    bank: str
    account: str
    routing: str
    reverse_charge: str
    exempt: str
    lines_total: str
    included: str
    purchase_order: str
    service_period: str
    credit_note: str
    on_invoice: str
    credited: str
    refunded: str
    given_back: str

    def status(self, status: str) -> str:
        """Return the printed label of a status, or "" if it is not printed."""
        known = {
            "draft": self.draft,
            "void": self.void,
            "paid": self.status_paid,
            "uncollectible": self.uncollectible,
        }
        return known.get(status, "")

    def money(self, amount: int, currency: str) -> str:
        """Return an amount with the currency's sign or code, in the position used by the language."""
        digits = decimal_text(abs(amount), currency, self.style)
        sign = SIGNS.get(currency, "")
        minus = "−" if amount < 0 else ""
        if self.language == "en" and sign:
            return f"{minus}{sign}{digits}"
        if self.language == "nl":
            return f"{sign or currency}\u00a0{minus}{digits}"
        return f"{minus}{digits}\u00a0{sign or currency}"

    def decimal(self, amount: int, currency: str) -> str:
        """Return an amount without the currency."""
        return decimal_text(amount, currency, self.style)

    def percent(self, bps: int) -> str:
        """Return basis points as a percentage: 1900 is "19 %", 770 is "7.7 %"."""
        return f"{bps / 100:g} %".replace(".", self.style.decimal)

    def quantity_text(self, value: Decimal) -> str:
        """Return a quantity with grouped digits and no trailing zeros."""
        whole, _, rest = f"{value:,f}".partition(".")
        rest = rest.rstrip("0")
        return whole.replace(",", self.style.group) + (f"{self.style.decimal}{rest}" if rest else "")

    def day(self, value: date) -> str:
        """Return a date in long form."""
        return format_date(value, "d MMMM y" if self.language == "en" else "long", locale=self.language)

    def country(self, code: str) -> str:
        """Return a country's name, or its code if CLDR has no name."""
        return str(Locale(self.language).territories.get(code, code))


_ENGLISH = Words(
    language="en",
    style=NumberStyle(".", ","),
    invoice="Invoice",
    draft_invoice="Draft invoice",
    billed_to="Billed to",
    issued="Date of issue",
    due="Due",
    description="Description",
    quantity="Quantity",
    unit_price="Unit price",
    discount="Discount",
    tax="Tax",
    amount="Amount",
    subtotal="Subtotal",
    total="Total",
    paid="Paid",
    amount_due="Amount due",
    page="Page {page} of {pages}",
    not_real="TEST: not a real invoice",
    draft="DRAFT",
    void="VOID",
    status_paid="PAID",
    uncollectible="UNCOLLECTIBLE",
    bank="Bank details",
    account="Account",
    routing="Routing number",
    reverse_charge="Reverse charge: the customer owes the tax.",
    exempt="Exempt from tax.",
    lines_total="Sum of the lines",
    included="Prices include tax.",
    purchase_order="Purchase order",
    service_period="Service period",
    credit_note="Credit note",
    on_invoice="On invoice {number} of {day}",
    credited="Credited",
    refunded="Refunded",
    given_back="Already paid",
)
_GERMAN = Words(
    language="de",
    style=NumberStyle(",", "."),
    invoice="Rechnung",
    draft_invoice="Rechnungsentwurf",
    billed_to="Rechnung an",
    issued="Rechnungsdatum",
    due="Fällig am",
    description="Beschreibung",
    quantity="Menge",
    unit_price="Einzelpreis",
    discount="Rabatt",
    tax="USt.",
    amount="Betrag",
    subtotal="Zwischensumme",
    total="Gesamtbetrag",
    paid="Bezahlt",
    amount_due="Offener Betrag",
    page="Seite {page} von {pages}",
    not_real="TEST: keine echte Rechnung",
    draft="ENTWURF",
    void="STORNIERT",
    status_paid="BEZAHLT",
    uncollectible="UNEINBRINGLICH",
    bank="Bankverbindung",
    account="Konto",
    routing="Bankleitzahl",
    reverse_charge="Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).",
    exempt="Steuerfrei.",
    lines_total="Summe der Positionen",
    included="Preise enthalten die Steuer.",
    purchase_order="Bestellnummer",
    service_period="Leistungszeitraum",
    credit_note="Rechnungskorrektur",
    on_invoice="Zur Rechnung {number} vom {day}",
    credited="Gutgeschrieben",
    refunded="Davon erstattet",
    given_back="Davon bereits bezahlt",
)
_SPANISH = Words(
    language="es",
    style=NumberStyle(",", "."),
    invoice="Factura",
    draft_invoice="Borrador de factura",
    billed_to="Facturado a",
    issued="Fecha de emisión",
    due="Vencimiento",
    description="Descripción",
    quantity="Cantidad",
    unit_price="Precio unitario",
    discount="Descuento",
    tax="Impuesto",
    amount="Importe",
    subtotal="Subtotal",
    total="Total",
    paid="Pagado",
    amount_due="Importe pendiente",
    page="Página {page} de {pages}",
    not_real="PRUEBA: no es una factura real",
    draft="BORRADOR",
    void="ANULADA",
    status_paid="PAGADA",
    uncollectible="INCOBRABLE",
    bank="Datos bancarios",
    account="Cuenta",
    routing="Código del banco",
    reverse_charge="Inversión del sujeto pasivo.",
    exempt="Exento de impuestos.",
    lines_total="Suma de las líneas",
    included="Precios con impuestos incluidos.",
    purchase_order="Orden de compra",
    service_period="Periodo de servicio",
    credit_note="Factura rectificativa",
    on_invoice="De la factura {number} del {day}",
    credited="Abonado",
    refunded="Reembolsado",
    given_back="Ya pagado",
)
_FRENCH = Words(
    language="fr",
    style=NumberStyle(",", _THIN),
    invoice="Facture",
    draft_invoice="Brouillon de facture",
    billed_to="Facturé à",
    issued="Date d’émission",
    due="Échéance",
    description="Désignation",
    quantity="Quantité",
    unit_price="Prix unitaire",
    discount="Remise",
    tax="TVA",
    amount="Montant",
    subtotal="Sous-total",
    total="Total",
    paid="Payé",
    amount_due="Montant dû",
    page="Page {page} sur {pages}",
    not_real="TEST : pas une vraie facture",
    draft="BROUILLON",
    void="ANNULÉE",
    status_paid="PAYÉE",
    uncollectible="IRRÉCOUVRABLE",
    bank="Coordonnées bancaires",
    account="Compte",
    routing="Code banque",
    reverse_charge="Autoliquidation.",
    exempt="Exonéré de TVA.",
    lines_total="Total des lignes",
    included="Prix taxes comprises.",
    purchase_order="Bon de commande",
    service_period="Période de prestation",
    credit_note="Avoir",
    on_invoice="Sur la facture {number} du {day}",
    credited="Crédité",
    refunded="Remboursé",
    given_back="Déjà payé",
)
_ITALIAN = Words(
    language="it",
    style=NumberStyle(",", "."),
    invoice="Fattura",
    draft_invoice="Bozza di fattura",
    billed_to="Destinatario",
    issued="Data di emissione",
    due="Scadenza",
    description="Descrizione",
    quantity="Quantità",
    unit_price="Prezzo unitario",
    discount="Sconto",
    tax="IVA",
    amount="Importo",
    subtotal="Imponibile",
    total="Totale",
    paid="Pagato",
    amount_due="Importo dovuto",
    page="Pagina {page} di {pages}",
    not_real="PROVA: non è una vera fattura",
    draft="BOZZA",
    void="ANNULLATA",
    status_paid="PAGATA",
    uncollectible="INESIGIBILE",
    bank="Coordinate bancarie",
    account="Conto",
    routing="Codice della banca",
    reverse_charge="Inversione contabile.",
    exempt="Esente da IVA.",
    lines_total="Totale righe",
    included="Prezzi comprensivi di imposta.",
    purchase_order="Ordine d’acquisto",
    service_period="Periodo di servizio",
    credit_note="Nota di credito",
    on_invoice="Sulla fattura {number} del {day}",
    credited="Accreditato",
    refunded="Rimborsato",
    given_back="Già pagato",
)
_DUTCH = Words(
    language="nl",
    style=NumberStyle(",", "."),
    invoice="Factuur",
    draft_invoice="Conceptfactuur",
    billed_to="Factuur aan",
    issued="Factuurdatum",
    due="Vervaldatum",
    description="Omschrijving",
    quantity="Aantal",
    unit_price="Prijs per stuk",
    discount="Korting",
    tax="Btw",
    amount="Bedrag",
    subtotal="Subtotaal",
    total="Totaal",
    paid="Betaald",
    amount_due="Openstaand bedrag",
    page="Pagina {page} van {pages}",
    not_real="TEST: geen echte factuur",
    draft="CONCEPT",
    void="VERVALLEN",
    status_paid="BETAALD",
    uncollectible="ONINBAAR",
    bank="Bankgegevens",
    account="Rekening",
    routing="Bankcode",
    reverse_charge="Btw verlegd.",
    exempt="Vrijgesteld van btw.",
    lines_total="Totaal regels",
    included="Prijzen inclusief btw.",
    purchase_order="Inkoopordernummer",
    service_period="Dienstperiode",
    credit_note="Creditfactuur",
    on_invoice="Bij factuur {number} van {day}",
    credited="Gecrediteerd",
    refunded="Terugbetaald",
    given_back="Reeds betaald",
)

WORDS: dict[str, Words] = {
    words.language: words for words in (_ENGLISH, _GERMAN, _SPANISH, _FRENCH, _ITALIAN, _DUTCH)
}
assert WORDS.keys() == set(Language.values)
