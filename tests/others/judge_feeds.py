"""Judges the feeds at the given addresses, and writes what is wrong with each, a line
each; nothing when nothing is. XML is read by libxml2 (what xmllint is made of), the
HTML in it by html5lib in its strict mode (what the W3C's validator reads it with), and
JSON is held against json_feed.schema.json."""

import json
import pathlib
import sys
import urllib.request

import fastjsonschema
import html5lib
from html5lib.html5parser import ParseError
from lxml import etree

HERE = pathlib.Path(__file__).parent
ATOM = "{http://www.w3.org/2005/Atom}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
SCHEMA = fastjsonschema.compile(json.loads((HERE / "json_feed.schema.json").read_text()))

# A post stands in many feeds.
SEEN = set()


def judge(address):
    with urllib.request.urlopen(address) as answer:
        body = answer.read()
    if ".json" in address:
        feed = json.loads(body)
        try:
            SCHEMA(feed)
        except fastjsonschema.JsonSchemaException as why:
            yield str(why)
        texts = [item["content_html"] for item in feed["items"]]
    else:
        try:
            # Without mercy, and nothing from outside.
            root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as why:
            yield str(why)
            return
        texts = [text.text for name in ("description", ENCODED) for item in root.iter("item") for text in item.iter(name)]
        texts += [text.text for name in ("summary", "content") for text in root.iter(ATOM + name) if text.get("type")]
    for text in texts:
        if text in SEEN:
            continue
        SEEN.add(text)
        try:
            html5lib.HTMLParser(strict=True).parseFragment(text or "")
        except ParseError as why:
            yield f"{why} in {text[:300]!r}"


for address in sys.argv[1:]:
    for why in judge(address):
        print(f"{address}: {why}")
