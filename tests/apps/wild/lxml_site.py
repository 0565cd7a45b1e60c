"""lxml: XML is validated and turned into HTML by XSLT; a page is searched by XPath; broken XML is told."""

from urllib.parse import parse_qs

from lxml import etree, html

SCHEMA = etree.RelaxNG(etree.XML("""
<element name="order" xmlns="http://relaxng.org/ns/structure/1.0">
  <oneOrMore><element name="item"><attribute name="price"/><text/></element></oneOrMore>
</element>"""))
SHEET = etree.XSLT(etree.XML("""
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="html"/>
  <xsl:template match="/order">
    <ul><xsl:for-each select="item"><li><xsl:value-of select="."/></li></xsl:for-each></ul>
    <b><xsl:value-of select="sum(item/@price)"/></b>
  </xsl:template>
</xsl:stylesheet>"""))


def render(body):
    order = etree.fromstring(body)
    SCHEMA.assertValid(order)
    return "200 OK", str(SHEET(order))


def links(text):
    page = html.fromstring(f"<p>{text}<a href='/one'>1</a> <a href='/two?{text}'>2</a>")
    return "200 OK", " ".join(page.xpath("//a/@href"))


def application(environ, start_response):
    try:
        if environ["REQUEST_METHOD"] == "POST":
            status, text = render(environ["wsgi.input"].read())
        else:
            status, text = links(parse_qs(environ["QUERY_STRING"])["text"][0])
    except (etree.XMLSyntaxError, etree.DocumentInvalid) as error:
        status, text = "400 Bad Request", f"{type(error).__name__}: {error}"
    start_response(status, [("Content-Type", "text/html; charset=utf-8")])
    return [text.encode()]
