// What is to be known of a page that is open, as one value.
(() => {
  const parts = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = parts(color).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (parts(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  // As WCAG 2.2 defines it.
  const contrast = (element, color) => {
    const [one, other] = [luminance(color), luminance(behind(element))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const all = [...document.body.querySelectorAll("*")];
  const shown = all.filter((element) => element.getClientRects().length > 0);
  const texts = shown.filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== ""));
  const ratios = texts.map((element) => [contrast(element, getComputedStyle(element).color), element.outerHTML.slice(0, 80)]);
  for (const element of shown) {
    const before = getComputedStyle(element, "::before");
    if (before.content !== "none") ratios.push([contrast(element, before.color), "before " + element.outerHTML.slice(0, 80)]);
  }
  const inner = document.documentElement.clientWidth;
  return {
    width: document.documentElement.scrollWidth,
    inner,
    wider: shown.filter((element) => element.getBoundingClientRect().right > inner + 0.5).map((element) => element.localName),
    faint: ratios.filter(([ratio]) => !(ratio >= 4.5)),
    measured: ratios.length,
    background: luminance(getComputedStyle(document.body).backgroundColor),
    tags: [...new Set([...document.querySelectorAll("*")].map((element) => element.localName))].sort(),
    links: [...document.querySelectorAll("[href],[src]")].map((element) => element.getAttribute("href") || element.getAttribute("src")),
    ran: window.ran === undefined ? "" : String(window.ran),
    cookie: location.protocol === "file:" ? "" : document.cookie,
    title: document.title,
    text: document.body.innerText,
  };
})()
