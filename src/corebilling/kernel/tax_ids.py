"""Tax ids, checked by their format and check digits as each authority defines them; nobody is asked whether they are in use.

The rules are those of python-stdnum.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Protocol, cast

from stdnum.exceptions import ValidationError

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.kernel.party import TaxId

_RULES: Mapping[str, str] = {
    "ad_nrt": "ad.nrt", "ar_cuit": "ar.cuit", "at_vat": "at.uid", "au_abn": "au.abn", "be_vat": "be.vat",
    "bg_vat": "bg.vat", "br_cnpj": "br.cnpj", "ca_bn": "ca.bn", "ca_gst": "ca.bn", "ch_uid": "ch.uid",
    "ch_vat": "ch.vat", "cl_rut": "cl.rut", "cn_uscc": "cn.uscc", "co_nit": "co.nit", "cy_vat": "cy.vat",
    "cz_vat": "cz.dic", "de_vat": "de.vat", "dk_vat": "dk.cvr", "do_rnc": "do.rnc", "dz_nif": "dz.nif",
    "ec_ruc": "ec.ruc", "ee_vat": "ee.kmkr", "eg_tn": "eg.tn", "es_vat": "es.nif", "eu_vat": "eu.vat",
    "fi_vat": "fi.alv", "fr_vat": "fr.tva", "gb_vat": "gb.vat", "gr_vat": "gr.vat", "hr_vat": "hr.oib",
    "hu_vat": "hu.anum", "id_npwp": "id.npwp", "ie_vat": "ie.vat", "il_hp": "il.hp", "in_gst": "in_.gstin",
    "is_vat": "is_.vsk", "it_vat": "it.iva", "jp_cn": "jp.cn", "ke_pin": "ke.pin", "kr_brn": "kr.brn",
    "lt_vat": "lt.pvm", "lu_vat": "lu.tva", "lv_vat": "lv.pvn", "ma_ice": "ma.ice", "mc_vat": "mc.tva",
    "mt_vat": "mt.vat", "mx_rfc": "mx.rfc", "nl_vat": "nl.btw", "no_mva": "no.mva", "nz_ird": "nz.ird",
    "pe_ruc": "pe.ruc", "pl_vat": "pl.nip", "pt_vat": "pt.nif", "ro_vat": "ro.cf", "rs_pib": "rs.pib",
    "ru_inn": "ru.inn", "se_vat": "se.vat", "sg_uen": "sg.uen", "si_vat": "si.ddv", "sk_vat": "sk.dph",
    "th_moa": "th.moa", "tn_mf": "tn.mf", "tr_vkn": "tr.vkn", "tw_ubn": "tw.ubn", "us_ein": "us.ein",
    "uy_rut": "uy.rut", "ve_rif": "ve.rif", "vn_mst": "vn.mst",
}  # fmt: skip
"""The module of python-stdnum that knows each kind."""

KINDS: Sequence[str] = tuple(sorted(_RULES))
"""Country and name of the number; `eu_vat` is that of any member state, with the state's letters before it."""

_OF_EU_LETTERS = {"EL": "GR", "XI": "GB"}
"""Letters before an EU VAT number that aren't the code of the country: Greece, and Northern Ireland."""


class _Rule(Protocol):
    def validate(self, number: str) -> str: ...


def checked_tax_id(kind: str, value: str, pointer: str) -> TaxId:
    """The tax id in its compact form. Raises `Invalid` for an unknown kind, and for a value that isn't of its kind."""
    path = _RULES.get(kind)
    if path is None:
        detail = f"'{kind}' is not a known kind of tax id; send one of {', '.join(KINDS)}"
        raise Invalid(detail, code="unknown_tax_id_kind", fields=[FieldError(f"{pointer}/kind", detail)])
    rule = cast(_Rule, import_module(f"stdnum.{path}"))
    try:
        return TaxId(kind, rule.validate(value))
    except ValidationError as error:
        detail = f"'{value}' is not a valid {kind}: {str(error).rstrip('.').lower()}; check it, or send another kind"
        raise Invalid(detail, code="invalid_tax_id", fields=[FieldError(f"{pointer}/value", detail)]) from None


def checked_tax_ids(tax_ids: Sequence[TaxId], pointer: str) -> tuple[TaxId, ...]:
    """Each as `checked_tax_id` has it. Raises `Invalid` where a kind stands twice."""
    checked = tuple(checked_tax_id(each.kind, each.value, f"{pointer}/{n}") for n, each in enumerate(tax_ids))
    kinds = [each.kind for each in checked]
    for n, kind in enumerate(kinds):
        if kind in kinds[:n]:
            detail = f"there is a {kind} already; send each kind once"
            raise Invalid(detail, code="tax_id_repeated", fields=[FieldError(f"{pointer}/{n}/kind", detail)])
    return checked


def country_of(tax_id: TaxId) -> str:
    """The country whose authority gave the tax id, ISO 3166-1 alpha-2."""
    letters = tax_id.value[:2] if tax_id.kind == "eu_vat" else tax_id.kind[:2].upper()
    return _OF_EU_LETTERS.get(letters, letters)
