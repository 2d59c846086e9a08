"""The poster as SVG and as PDF (ISO 32000-1), with what every viewer has: Helvetica, and squares."""

from html import escape

from loyalty_site.storefront.join.poster import HEIGHT, WIDTH, Line, Poster


def svg(poster: Poster, language: str) -> bytes:
    """The poster as an SVG picture."""
    middle = WIDTH / 2
    texts = "".join(
        f'<text x="{middle:g}" y="{line.baseline:.1f}" font-size="{line.size:.1f}"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if line.is_bold else ''}>{escape(line.text)}</text>"
        for line in poster.lines
    )
    path = "".join(f"M{each.column} {each.row}h{each.length}v1h-{each.length}z" for each in poster.modules)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" '
        f'height="{HEIGHT:g}" role="img" lang="{language}"><title>{escape(poster.title)}</title>'
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#fff"/>'
        f'<g fill="#000" font-family="Helvetica, Arial, sans-serif" text-anchor="middle">{texts}</g>'
        f'<path transform="translate({poster.left:g} {poster.top:g}) scale({poster.size:.5f})" d="{path}" '
        'shape-rendering="crispEdges"/></svg>'
    ).encode()


def pdf(poster: Poster) -> bytes:
    """The poster as a page of PDF. Its fonts know the letters of Western Europe; a line with others is left out."""
    drawn = [_text(line) for line in poster.lines]
    drawn.append(
        b" ".join(
            b"%.3f %.3f %.3f %.3f re"
            % (
                poster.left + each.column * poster.size,
                # PDF counts from the bottom.
                HEIGHT - poster.top - (each.row + 1) * poster.size,
                each.length * poster.size,
                poster.size,
            )
            for each in poster.modules
        )
        + b" f"
    )
    content = b"\n".join(part for part in drawn if part)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica%s /Encoding /WinAnsiEncoding >>"
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 6 0 R "
            b"/Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> >>" % (WIDTH, HEIGHT),
            font % b"",
            font % b"-Bold",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        ]
    )


def _text(line: Line) -> bytes:
    try:
        said = line.text.encode("cp1252")
    except UnicodeEncodeError:
        return b""
    for mark in (b"\\", b"(", b")"):
        said = said.replace(mark, b"\\" + mark)
    left, bottom = (WIDTH - line.width) / 2, HEIGHT - line.baseline
    return b"BT /F%d %.2f Tf %.2f %.2f Td (%s) Tj ET" % (2 if line.is_bold else 1, line.size, left, bottom, said)


def _file(objects: list[bytes]) -> bytes:
    """A file of these objects, numbered from 1, the first of which is the catalogue."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, each in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
