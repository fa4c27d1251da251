"""The route of previews: what would a price charge?"""

from corebilling.platform.http import post
from corebilling.rating.preview import preview
from corebilling.rating.schemas.preview import PreviewOut, PreviewRequest


@post("/v1/pricing/preview", scope="billing:read", summary="Try out a price", status_code=200)
async def preview_price(data: PreviewRequest) -> PreviewOut:
    """What a price definition would charge for a quantity or for events, after what was billed before; nothing is stored."""
    return preview(data)


ROUTES = (preview_price,)
