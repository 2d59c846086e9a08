"""The schema in a browser: nothing from elsewhere, nothing that the strict policy forbids."""

from playwright.sync_api import expect


def test_the_page_works_under_the_strict_policy_and_asks_nobody_else(live_site, browser_page):
    asked: list[str] = []
    complaints: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.on(
        "console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None
    )

    answer = browser_page.goto(f"{live_site.url}/docs")

    expect(browser_page.get_by_text("Give points back, and restart the activity clock")).to_be_visible()
    browser_page.get_by_text("Give points back, and restart the activity clock").click()
    expect(browser_page.get_by_text("Was ill in March").first).to_be_visible()
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert [url for url in asked if not url.startswith((live_site.url, "data:", "blob:"))] == []
    assert complaints == []


def test_the_page_is_made_of_files_of_our_own(client):
    page = client.get("/docs").content.decode()

    assert "://" not in page
    assert "<style" not in page
    assert client.get("/docs?script=").headers["Content-Type"].startswith("application/javascript")
