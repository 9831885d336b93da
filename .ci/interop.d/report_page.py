"""The page that `failover --report` writes, opened in a headless Chromium: in light and in dark colors, and narrow.

Opens the pages that the tests keep as they were looked at, also the one whose names and texts are markup; and the page
of a drill with real nodes.
"""

import re
from pathlib import Path

import peers
from browser import Browser
from check import check, check_equal
from commands import Shardform
from processes import clean_environment
from stack import PlanFile

PAGES = "tests/golden/drill"
WIDE, NARROW = 1200, 360
# Of text against what is behind it: WCAG's AA, and for large text.
CONTRAST, CONTRAST_LARGE = 4.5, 3.0
# The smallest text that people can read, in CSS pixels.
SMALLEST = 10.5
LANES = {"writes", "reads", "role", "events"}
TRAFFIC_LANES = LANES | {"latency", "bystander-writes", "bystander-reads"}

# All text that is seen: its size as drawn, and its contrast against the first opaque background above it. Text of a
# drawing that has a halo is read against the halo.
TEXTS = r"""(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const numbers = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((v) => v / 255).map(
      (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const behind = (element, style, isDrawn) => {
    if (!isDrawn) return ground(element);
    if (style.stroke !== 'none') return numbers(style.stroke);
    const role = ['primary', 'replica'].find((name) => element.matches('.word.' + name));
    if (role) return numbers(getComputedStyle(document.querySelector('.legend .role.' + role)).fill);
    if (element.matches('.number')) return numbers(getComputedStyle(document.querySelector('.marker')).fill);
    return ground(element.closest('div'));
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
    const box = element.getBoundingClientRect();
    const isDrawn = element instanceof SVGElement;
    if (!own.length || !box.width || element.matches('.hidden, title, desc')) continue;
    const style = getComputedStyle(element);
    const scale = isDrawn ? element.getScreenCTM().a : 1;
    const size = parseFloat(style.fontSize) * scale;
    const color = numbers(isDrawn ? style.fill : style.color);
    const isLarge = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    found.push({text: own[0].data.trim().slice(0, 60), size, isLarge,
                contrast: contrast(color, behind(element, style, isDrawn))});
  }
  return found;
})()"""

# Drawings that are seen, each with its lanes and with what leaves it to the left or the right.
DRAWINGS = r"""[...document.querySelectorAll('.drawing svg')].filter((svg) => svg.getBoundingClientRect().width).map((svg) => {
  const box = svg.getBoundingClientRect();
  const isOut = (part) => {
    const own = part.getBoundingClientRect();
    return own.left < box.left - 1 || own.right > box.right + 1;
  };
  return {
    lanes: [...svg.querySelectorAll('[data-lane]')].map((lane) => lane.dataset.lane),
    out: [...svg.querySelectorAll('text')].filter(isOut).map((text) => text.textContent),
    named: svg.getAttribute('role') === 'img' && svg.getAttribute('aria-labelledby').split(' ')
      .every((id) => document.getElementById(id).textContent),
  };
})"""

WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"


def scenario(repository: Path, scratch: Path, binaries: Path, **_):
    """Each page, in each look."""
    environment = clean_environment(scratch)
    pages = sorted((repository / PAGES).glob("*.html"))
    check(pages, f"pages in {PAGES}")
    drill = real_drill(repository, scratch, binaries, environment)
    with Browser(environment, scratch) as browser:
        for page in pages:
            check_page(browser, page, LANES)
        check_page(browser, drill, TRAFFIC_LANES)


def real_drill(repository: Path, scratch: Path, binaries: Path, environment: dict[str, str]) -> Path:
    """The page of a shard's failover in the local cloud."""
    plan_file = PlanFile(repository, scratch)
    page = scratch / "drill.html"
    with peers.node(environment, scratch, binaries) as node:
        shardform = Shardform(binaries, plan_file.path, environment, "--endpoint-url", node.url)
        shardform.run("apply", "--yes")
        shardform.run("failover", "--shard", "0001", "--report", page, "--yes").says(f"report: {page}")
        shardform.run("destroy", "--yes")
    text = page.read_text()
    for words in ("Shard 0001", "full strength again", "Test Failover API called for node group 0001"):
        check(words in text, f"the page should say {words!r}", text)
    return page


def check_page(browser: Browser, page: Path, lanes: set[str]):
    """Checks one page; the first drawing must have `lanes`."""
    for width, scheme in ((WIDE, "light"), (WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")):
        look = f"{page.name}, {width} px, {scheme}"
        browser.look(width=width, scheme=scheme)
        browser.open(page)
        document, window = browser.evaluate(WIDTHS)
        check_equal(window, width, f"{look}: width of the window")
        check(document <= window, f"{look}: no scrolling sideways", f"the document is {document} px wide")
        check_drawings(browser, page, look, lanes)
        check_texts(browser, look)
        check_equal(browser.requests(), [page.as_uri()], f"{look}: requests")
        check_equal(browser.complaints(), [], f"{look}: what the console says")
        print(f"    {look}: as it should be", flush=True)


def check_drawings(browser: Browser, page: Path, look: str, lanes: set[str]):
    """One size of each drawing is seen, whole, with its lanes; no more and no fewer than the page's text has."""
    drawings = browser.evaluate(DRAWINGS)
    check_equal(len(drawings) * 2, len(re.findall('class="drawing ', page.read_text())), f"{look}: drawings that are seen")
    for drawing in drawings:
        check_equal(drawing["out"], [], f"{look}: texts that leave a drawing")
        check(drawing["named"], f"{look}: each drawing is an image with a name and a description")
    found = set(drawings[0]["lanes"])
    check(lanes <= found, f"{look}: lanes of the first drawing", f"missing: {sorted(lanes - found)}")


def check_texts(browser: Browser, look: str):
    """All text can be read."""
    texts = browser.evaluate(TEXTS)
    check(len(texts) > 20, f"{look}: text that is seen", texts)
    small = [text for text in texts if text["size"] < SMALLEST]
    check_equal(small, [], f"{look}: text smaller than {SMALLEST} px")
    pale = [text for text in texts if text["contrast"] < (CONTRAST_LARGE if text["isLarge"] else CONTRAST)]
    check_equal(pale, [], f"{look}: text with too little contrast")
