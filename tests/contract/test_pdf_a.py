"""Factur-X files are PDF/A-3: veraPDF says so, run by the machine's Java. Its parts come by Maven, once, into .cache/verapdf."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from corebilling.invoice.einvoice.hybrid import marked
from corebilling.invoice.einvoice.model import en16931
from corebilling.invoice.einvoice.syntaxes import cii
from corebilling.invoice.pdf.credit_notes import CreditNoteContent, printable_credit_note
from corebilling.invoice.pdf.invoices import InvoiceContent, printable_invoice
from corebilling.invoice.pdf.typesetting import render
from corebilling.invoice.pdf.words import languages
from documents import BUYER, RIYADH, content, credit_note, fee, png, tiered

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).with_name("pdf_a")
CACHE = ROOT / ".cache" / "verapdf"

ARABIC = msgspec.structs.replace(BUYER, name="شركة النور للتقنية", address=RIYADH, locale="ar")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3"><rect width="9" height="3" fill="#08f" opacity=".5"/></svg>'


@pytest.fixture(scope="module")
def verapdf() -> list[str]:
    """The command that checks files; without Java and Maven the test fails: it can't say what it is there to say."""
    tools = {name: shutil.which(name) for name in ("java", "javac", "mvn")}
    if lacking := [name for name, path in tools.items() if path is None]:
        pytest.fail(f"PDF/A can't be checked without {', '.join(lacking)}: install a JDK (11 or later) and Maven")
    jars = CACHE / "jars"
    if not list(jars.glob("validation-model-*.jar")):
        target = f"-DoutputDirectory={jars}"
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"Maven didn't get veraPDF:\n{done.stdout}{done.stderr}"
    return ["java", "-cp", f"{jars}/*", str(HERE / "Conformance.java")]


def hybrid(document: InvoiceContent | CreditNoteContent) -> bytes:
    is_invoice = isinstance(document, InvoiceContent)
    shown = printable_invoice(document) if is_invoice else printable_credit_note(document)
    return marked(render(shown, cii(en16931(document))))


def test_hybrids_are_pdf_a_3b_in_every_language_and_plain_pdfs_are_not(verapdf: list[str], tmp_path: Path) -> None:
    files = {
        "one-line": hybrid(content([fee()])),
        "tiers-and-logo": hybrid(content([fee(), tiered()], logo=png(), memo="Thank you.", prepaid=1000)),
        "svg-logo": hybrid(content([fee()], logo=SVG)),
        "many-lines": hybrid(content([fee(no) for no in range(1, 201)])),
        "arabic": hybrid(content([fee(name="الخطة الأساسية")], buyer=ARABIC)),
        "credit-note": hybrid(credit_note()),
    }
    for code in languages():
        files[f"in-{code}"] = hybrid(content([fee(), tiered()], buyer=msgspec.structs.replace(BUYER, locale=code)))
    paths = []
    for name, pdf in files.items():
        paths.append(tmp_path / f"{name}.pdf")
        paths[-1].write_bytes(pdf)
    done = subprocess.run([*verapdf, *paths], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr

    plain = tmp_path / "plain.pdf"
    plain.write_bytes(render(printable_invoice(content([fee()]))))
    refused = subprocess.run([*verapdf, plain], capture_output=True, text=True, timeout=300, check=False)
    assert (refused.returncode, "6.6.4" in refused.stdout) == (1, True), refused.stderr
