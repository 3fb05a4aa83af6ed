"""What clocks on the wall show in seven zones from 2026 to 2028, as zoneinfo has it."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = [
    "Asia/Seoul",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
]

for name in ZONES:
    at, before = datetime(2025, 12, 30, tzinfo=timezone.utc), None
    while at < datetime(2029, 1, 3, tzinfo=timezone.utc):
        ahead = int(at.astimezone(ZoneInfo(name)).utcoffset().total_seconds() // 60)
        if ahead != before:
            print(name, at.strftime("%Y-%m-%dT%H:%M:00Z"), ahead)
            before = ahead
        at += timedelta(minutes=15)
