"""Reads with feedparser the documents whose paths and media types stand, as
JSON, on standard input; writes what it understood of each, as JSON. Instants
are seconds since 1970; texts are HTML."""

import calendar
import html
import json
import sys
import warnings

import feedparser

warnings.simplefilter("ignore")


def opinion(path, content_type, base):
    with open(path, "rb") as file:
        document = file.read()
    headers = {"content-location": base}
    if content_type:
        headers["content-type"] = content_type
    try:
        feed = feedparser.parse(document, response_headers=headers)
    except (UnicodeError, ValueError, OverflowError, RecursionError, AttributeError, KeyError, TypeError):
        # Some broken documents end it.
        return {"title": None, "link": None, "entries": []}
    return {
        "title": as_html(feed.feed.get("title_detail")),
        "link": feed.feed.get("link"),
        "entries": [entry_of(entry, feed.feed) for entry in feed.entries],
    }


def entry_of(entry, feed):
    full = next((as_html(content) for content in entry.get("content", []) if content.value), None)
    # It copies the one text that there is into the summary.
    short = as_html(entry.get("summary_detail"))
    published, updated = (dict.get(entry, key) for key in ("published_parsed", "updated_parsed"))
    files = [(file.get("href"), file.get("type")) for file in entry.get("links", []) if file.get("rel") == "enclosure"]
    files += [(file.get("url"), file.get("type")) for file in entry.get("media_content", [])]
    return {
        "id": entry.get("id"),
        "link": entry.get("link"),
        "title": as_html(entry.get("title_detail")),
        "authors": names(entry) or names(entry.get("source", {})) or names(feed),
        "published": seconds(published),
        "updated": seconds(updated),
        "summary": short if full else None,
        "content": full or short,
        "categories": [tag.get("label") or tag.get("term") for tag in entry.get("tags", [])],
        "enclosures": [file for file in files if file[0]],
    }


def seconds(date):
    # It knows of years before the first, the calendar does not.
    return calendar.timegm(date) if date and date.tm_year > 0 else None


def names(whose):
    authors = whose.get("authors", [])
    return [author["name"] for author in authors if author.get("name")] or [
        author["email"] for author in authors if author.get("email")
    ]


def as_html(text):
    if not text or not text.value:
        return None
    return html.escape(text.value, quote=False) if text.type == "text/plain" else text.value


asked = json.load(sys.stdin)
json.dump([opinion(path, content_type, asked["base"]) for path, content_type in asked["documents"]], sys.stdout)
