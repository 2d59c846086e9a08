"""The served site, as gunicorn and a browser see it."""

import re
import urllib.request


def test_a_served_page_finds_its_static_files(live_site):
    with urllib.request.urlopen(f"{live_site.url}/admin/login/") as response:
        page = response.read().decode()
        assert response.status == 200

    [stylesheet, *_] = re.findall(r'href="(/static/[^"]+\.css)"', page)
    with urllib.request.urlopen(live_site.url + stylesheet) as response:
        assert response.headers["Content-Type"].startswith("text/css")


def test_a_browser_signs_in_nobody_without_a_password(live_site, browser_page):
    browser_page.goto(f"{live_site.url}/admin/login/")

    browser_page.locator("[name=username]").fill("stranger@example.com")
    browser_page.locator("[name=password]").fill("a guess")
    browser_page.locator("[type=submit]").first.click()

    assert browser_page.url.endswith("/admin/login/")
    assert browser_page.locator("[name=password]").is_visible()
