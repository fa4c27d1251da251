"""A tenant's logo as the template takes it."""

import base64

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_WIDTH, _HEIGHT = 600, 160
"""The frame's proportions, as the template has them."""


def framed(image: bytes | None) -> str | None:
    """The image as SVG: templates get text only, so a PNG or a JPEG is put into a frame of the size it is shown in."""
    if not image:
        return None
    for signature, media_type in _SIGNATURES.items():
        if image.startswith(signature):
            data = base64.b64encode(image).decode()
            return (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
                f'<image width="{_WIDTH}" height="{_HEIGHT}" preserveAspectRatio="xMinYMin meet" '
                f'href="data:{media_type};base64,{data}"/></svg>'
            )
    return image.decode()
