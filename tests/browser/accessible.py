"""What a page must be for those who use a screen reader, a keyboard, or see little: axe-core's rules, and ours."""

from itertools import pairwise

OPEN = "() => document.querySelectorAll('details').forEach(one => one.open = true)"
HEADINGS = """() => [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]
    .filter(one => one.checkVisibility()).map(one => Number(one.tagName[1]))"""
CHARTS = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].map(chart => {
    const place = chart.closest('[data-testid=stElementContainer]');
    let after = place.nextElementSibling, table = false;
    for (let i = 0; after && i < 4 && !table; i++, after = after.nextElementSibling)
        table = !!after.querySelector('table, [data-testid=stExpander]');
    const read = chart.querySelectorAll('[role=graphics-symbol]:not([aria-hidden=true] *), svg [aria-label]').length;
    return [chart.getAttribute('aria-label') || '', read, table]; })"""
"""Of each chart its description, how many of its marks a screen reader would meet, and whether a table follows it."""
FAINT = """() => {
    const numbers = text => {
        const found = text.match(/[\\d.]+/g).map(Number), [r, g, b, a = 1] = found;
        return text.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a]; };
    const light = colour => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => {
        const c = colour[i] / 255;
        return sum + share * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); }, 0);
    return [...document.querySelectorAll('svg text')].flatMap(text => {
        const drawing = text.closest('svg').style.backgroundColor, style = getComputedStyle(text);
        const at = text.getBoundingClientRect(), x = at.x + at.width / 2, y = at.y + at.height / 2;
        const bars = text.closest('svg').querySelectorAll('.mark-rect path');
        const bar = [...bars].findLast(one => {
            const box = one.getBoundingClientRect();
            return box.left < x && x < box.right && box.top < y && y < box.bottom; });  // the text stands on it
        const fill = bar && getComputedStyle(bar).fill;
        const ground = numbers(fill || drawing || getComputedStyle(document.body).backgroundColor);
        if (style.fill === 'none' || !text.textContent.trim() || !text.checkVisibility()) return [];
        let seen = numbers(style.fill)[3];
        for (let one = text; one.tagName !== 'svg'; one = one.parentElement) seen *= getComputedStyle(one).opacity;
        if (seen === 0) return [];
        const ink = numbers(style.fill).map((c, i) => c * seen + ground[i] * (1 - seen));
        const [dim, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
        const ratio = (bright + 0.05) / (dim + 0.05);
        return ratio < 4.5 ? [`${text.textContent}: ${ratio.toFixed(2)}`] : []; }); }"""
"""Texts of charts whose contrast with the ground is below WCAG's 4.5; axe-core does not judge those."""


def serious(page):
    """What axe-core finds serious or critical on the page, with all that is folded opened."""
    from axe_playwright_python.sync_playwright import Axe  # MIT; axe-core in it is MPL 2.0

    page.evaluate(OPEN)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['target']} {node['html'][:200]}"
            for one in found if one["impact"] in {"serious", "critical"} for node in one["nodes"]]  # fmt: skip


def check(page):
    """All of it, of a page as it stands."""
    assert serious(page) == []
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels)), levels
    assert page.evaluate("() => document.documentElement.lang") == "en"
    for description, read, table in page.evaluate(CHARTS):
        assert 10 < len(description) < 500
        assert read == 0, description
        assert table, description
    assert page.evaluate(FAINT) == []
