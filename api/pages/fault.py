"""The page that people get when there is none to give: what is wrong, and what can be done."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from api.pages.faults import said as in_words
from api.pages.frame import LANGUAGES, Frame, bar
from api.pages.frame_words import PAGES
from api.pages.map import script_json
from api.routes import static

KNOWN = (404, 422, 503)


def fault(status: int, detail: str, frame: Frame, *, nonce: str) -> str:
    """The page as HTML.

    Parameters
    ----------
    status
        HTTP status of the answer.
    detail
        The service's own line, as JSON answers have it; the page says it in its language where it can.
    frame
        Of the page that was asked for.
    nonce
        Lets the page's script run under the service's content policy.
    """
    said = frame.words
    key = f"fault.{status if status in KNOWN else 500}"
    plain = frame.here + "?" + urlencode({"lang": frame.lang, "theme": frame.theme})
    way = f'<a class="button" href="{escape(plain)}">{said["plain"]}</a>' if frame.here in PAGES else ""
    told = in_words(detail, frame.lang)
    of = LANGUAGES[frame.lang if told != detail else "en"]
    again = f'<a class="button" id="again" href="">{said["again"]}</a>' if status != 422 else way
    back = "wanmi.returning();" if status == 503 else ""
    return f"""<!DOCTYPE html>
<html lang="{LANGUAGES[frame.lang]}" data-theme="{frame.theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{said[key]} · {said["wanmi"]}</title>
<link rel="icon" href="{static.url("icon.svg")}">
<link rel="stylesheet" href="{static.url("wanmi.css")}">
<script src="{static.url("wanmi.js")}"></script>
</head>
<body>
{bar(said["wanmi"], "", frame)}
<main id="main" class="fault-page"><div class="card"><h2>{said[key]}</h2><p>{said[key + ".do"]}</p>
<p class="detail" lang="{of}">{escape(told)}</p><p>{again}</p></div></main>
<script nonce="{nonce}">wanmi.dress({script_json(said)});{back}</script>
</body>
</html>
"""
