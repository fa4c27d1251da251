"""No kind of document escapes the proof."""

from typing import get_args

from corebilling.container import Container
from corebilling.kernel.journal import DocumentType
from corebilling.settings import Settings


def test_every_kind_of_document_has_an_owner_that_the_proof_asks() -> None:
    container = Container(settings=Settings(database_url="postgresql://", environment="development"))
    owners = container.ledger_proof().documents
    assert set(owners) == set(get_args(DocumentType))
