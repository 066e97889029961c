"""Every page that the program has made, in a browser: it loads without an error and without asking
for anything, shows the numbers of its JSON, and can be read on a phone, in the dark and on paper."""

import argparse
import json
import pathlib
import sys

from chromium import Chromium

# The least contrast of text with its background, by the guidelines for accessibility (AA).
CONTRAST = 4.5

# Texts whose colour is too near to that of what lies behind them.
FAINT = """
(() => {
  const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => {
      part /= 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || ["title", "desc"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const inPicture = element.tagName === "text";
    const node = inPicture && element.parentElement.querySelector("rect");
    const back = node ? parts(getComputedStyle(node).fill).slice(0, 3) : behind(element);
    const front = parts(inPicture ? style.fill : style.color).slice(0, 3);
    const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < LEAST) faint.push(`${element.tagName} ${element.textContent.slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return faint;
})()
""".replace("LEAST", str(CONTRAST))

# Rows of all tables, as lists of what stands in their cells.
TABLES = """
Object.fromEntries([...document.querySelectorAll("table")].map((table) => [
  table.caption.textContent,
  [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent)),
]))
"""

# Parts that are wider than the window.
TOO_WIDE = """
(() => {
  const wide = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(".scroll, .flow, pre") && !element.matches(".scroll, .flow, pre")) continue;
    if (element.getBoundingClientRect().right > innerWidth + 0.5) wide.push(element.tagName + "." + element.className);
  }
  return wide;
})()
"""


def thousands(number):
    return f"{number:,}"


class Failures:
    """Counts what holds, and says what does not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, holds, found=""):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what} {found}", file=sys.stderr)


def loads(browser, url, name, failures):
    browser.open(url)
    asked = [event["params"]["request"]["url"] for event in browser.events
             if event.get("method") == "Network.requestWillBeSent"]
    failures.check(f"{name}: asks for nothing but itself", asked == [url], asked)
    complaints = [event for event in browser.events
                  if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")]
    failures.check(f"{name}: loads without a complaint", not complaints, complaints)
    failures.check(f"{name}: has no script and no image",
                   browser.ask("document.querySelectorAll('script, img, iframe, link, object').length") == 0)
    failures.check(f"{name}: took no text for a part of itself", "owned" not in browser.ask("document.title")
                   and browser.ask("document.querySelectorAll('h1').length") == 1)


def shows(browser, report, name, failures):
    """The numbers of the run, and the parts that people with screen readers go by."""
    title = browser.ask("document.querySelector('h1').textContent")
    failures.check(f"{name}: its heading is the verdict",
                   title.lower() == report["verdict"]["text"].lower(), title)
    for selector in ["header", "nav[aria-label]", "main", "footer", "meta[name=viewport]"]:
        failures.check(f"{name}: has one {selector}",
                       browser.ask(f"document.querySelectorAll({selector!r}).length") == 1)
    failures.check(f"{name}: every table has a caption and headings", browser.ask(
        "[...document.querySelectorAll('table')].every((t) => t.caption && t.tHead.querySelector('th[scope=col]')"
        " && [...t.tBodies[0].rows].every((r) => r.cells[0].matches('th[scope=row]')))"))
    failures.check(f"{name}: every part that is linked to is there", browser.ask(
        "[...document.querySelectorAll('nav a')].every((a) => document.getElementById(a.hash.slice(1)))"))
    tables = browser.ask(TABLES)
    if report["maps"]:
        for caption in ["Rows in the target", "Rows made for the target"]:
            if caption in tables:
                found = {row[0]: row[1] for row in tables[caption]}
        wanted = {table["table"]: thousands(table["rows"]) for table in report["written"]}
        failures.check(f"{name}: shows the rows of each target table", found == wanted, found)
        found = [[row[0], row[1], row[3], row[4]] for row in tables["What became of the rows of each map"]]
        wanted = [[m["map"], m["table"], thousands(m["read"]), thousands(m["written"])] for m in report["maps"]]
        failures.check(f"{name}: shows what became of the rows", found == wanted, found)
        picture = browser.ask("document.querySelector('svg[role=img]').textContent")
        missing = [thousands(number) for number in
                   [m["written"] for m in report["maps"]] + [t["rows"] for t in report["written"]]
                   if thousands(number) not in picture]
        failures.check(f"{name}: the picture shows the same", not missing, missing)
        failures.check(f"{name}: the picture has a title and a description", browser.ask(
            "document.querySelector('svg').getAttribute('aria-labelledby').split(' ')"
            ".every((id) => document.getElementById(id).textContent.length > 20)"))
    found = browser.ask("[...document.querySelectorAll('.finding h4 code')].map((code) => code.textContent)")
    wanted = [finding["id"] for finding in report["findings"] if finding["acceptance"] != "accepted"]
    failures.check(f"{name}: shows every finding", found == wanted, found)
    samples = browser.ask("[...document.querySelectorAll('.samples code')].map((code) => code.textContent)")
    wanted = [key for finding in report["findings"] if finding["acceptance"] != "accepted"
              for key in finding["samples"]]
    failures.check(f"{name}: shows every key as it is", samples == wanted, samples)
    found = browser.ask("document.querySelectorAll('.steps > li').length")
    failures.check(f"{name}: shows every next step", found == len(report["next_steps"]), found)


def can_be_read(browser, name, failures):
    for width, dark in [(320, False), (320, True), (1280, False), (1280, True)]:
        browser.screen(width, dark=dark)
        where = f"{name} at {width} px{', dark' if dark else ''}"
        wide = browser.ask("document.documentElement.scrollWidth")
        failures.check(f"{where}: is no wider than the window", wide <= width, f"{wide} {browser.ask(TOO_WIDE)}")
        faint = browser.ask(FAINT)
        failures.check(f"{where}: no text is faint", not faint, faint)
        paper = browser.ask("getComputedStyle(document.body).backgroundColor")
        is_dark = sum(map(int, paper[4:-1].split(","))) < 200
        failures.check(f"{where}: is {'dark' if dark else 'light'}", is_dark == dark, paper)
    browser.screen(794, dark=True, media="print")
    paper = browser.ask("getComputedStyle(document.body).backgroundColor")
    failures.check(f"{name} on paper: is light", paper == "rgb(255, 255, 255)", paper)
    failures.check(f"{name} on paper: has no links to its parts",
                   browser.ask("getComputedStyle(document.querySelector('nav')).display") == "none")
    faint = browser.ask(FAINT)
    failures.check(f"{name} on paper: no text is faint", not faint, faint)


def keep(browser, directory, name):
    """What people would see."""
    for label, width, dark in [("light", 1280, False), ("dark", 1280, True), ("phone", 320, False)]:
        browser.screen(width, dark=dark)
        (directory / f"{name}-{label}.png").write_bytes(browser.picture())
    browser.screen(1280)
    (directory / f"{name}.pdf").write_bytes(browser.paper())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("pages", type=pathlib.Path)
    arguments.add_argument("--pictures", type=pathlib.Path)
    arguments = arguments.parse_args()
    pages = sorted(arguments.pages.glob("*.html"))
    failures = Failures()
    failures.check("there are pages", len(pages) >= 4, pages)
    with Chromium() as browser:
        for page in pages:
            report = json.loads(page.with_suffix(".json").read_text())
            browser.screen(1280)
            loads(browser, page.resolve().as_uri(), page.stem, failures)
            shows(browser, report, page.stem, failures)
            can_be_read(browser, page.stem, failures)
            if arguments.pictures:
                arguments.pictures.mkdir(parents=True, exist_ok=True)
                keep(browser, arguments.pictures, page.stem)
    print(f"pages in a browser: {failures.passed} passed, {failures.failed} failed")
    sys.exit(1 if failures.failed else 0)


if __name__ == "__main__":
    main()
