"""Reads the feeds at the given addresses with feedparser, and writes what it
understood as JSON. A warning of its ends it. Instants are seconds since 1970."""

import calendar
import json
import sys

import feedparser


def feed_at(address):
    # First as most programs use it; then with the markup as it came.
    for options in ({}, {"sanitize_html": False, "resolve_relative_uris": False}):
        feed = feedparser.parse(address, **options)
        if feed.bozo or feed.status != 200:
            sys.exit(f"{address}: status {feed.status}, {feed.get('bozo_exception')!r}")
    told = {
        "title": feed.feed.title,
        "description": feed.feed.subtitle,
        "link": feed.feed.link,
        "self": next(link.href for link in feed.feed.links if link.rel == "self"),
        "language": feed.feed.language,
        "entries": [entry_of(entry) for entry in feed.entries],
    }
    if feed.version == "atom10":
        # RSS has no such date for an item.
        for entry, read in zip(told["entries"], feed.entries):
            entry["updated"] = calendar.timegm(read.updated_parsed)
    return told


def entry_of(entry):
    full = next((content.value for content in entry.get("content", [])), "")
    # feedparser calls the one text that there is the summary.
    short = entry.get("summary", "") if "summary_detail" in entry else ""
    links = [link.href for link in entry.get("links", []) if link.rel == "alternate"]
    return {
        "id": entry.id,
        "link": next(iter(links), None),
        "title": entry.get("title", ""),
        "authors": [author.name for author in entry.get("authors", [])],
        "published": calendar.timegm(entry.published_parsed),
        "summary": short if full else "",
        "content": full or short,
        "categories": [tag.term for tag in entry.get("tags", [])],
        "enclosures": [
            [file.href, media_type(file), int(file.get("length", 0))] for file in entry.get("enclosures", [])
        ],
        "source": [entry.source.title, entry.source.get("href") or entry.source.links[0].href],
    }


def media_type(file):
    # Of an Atom link without a type it says this.
    return None if file.type == "text/html" else file.type


json.dump([feed_at(address) for address in sys.argv[1:]], sys.stdout)
