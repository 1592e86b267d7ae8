// What accessibility.py runs in a page, after axe itself.

(() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important }");
  // An attribute that axe leaves out of the selectors by which it names elements.
  const MARK = "xmlns";
  const CONTRAST = "color-contrast";
  const WITHOUT_TEXT = ["hidden", "range", "color", "checkbox", "radio", "image"];
  const FIELDS = ["input", "select", "textarea"];
  let pieces = [];

  // Contrast is a question of marked pieces only. The rest of what axe would tell about elements takes time and is not read.
  axe.configure({
    noHtml: true,
    rules: [{ id: CONTRAST, selector: `[${MARK}]` }],
    reporter: (results, _, done) => {
      const told = { violations: [], passed: new Set(), unsure: new Set() };
      for (const { id, help, impact, violations, passes, incomplete } of results) {
        if (violations.length) {
          const targets = violations.slice(0, 3).map(({ node }) => node.selector);
          told.violations.push({ id, help, impact, targets });
        }
        if (id !== CONTRAST) continue;
        for (const { node } of passes) told.passed.add(node.element);
        for (const { node } of violations) told.unsure.add(node.element);
        for (const { node, any } of incomplete) {
          // axe judges nothing before a picture, wherever it is; in other cases it depends on the place.
          const always = any.some(({ data }) => ["bgGradient", "bgImage"].includes(data?.messageKey));
          told[always ? "passed" : "unsure"].add(node.element);
        }
      }
      done(told);
    },
  });

  const hash = (text) => {
    let a = 0xdeadbeef;
    let b = 0x41c6ce57;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      a = Math.imul(a ^ code, 2654435761);
      b = Math.imul(b ^ code, 1597334677);
    }
    a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
    b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
    return 4294967296 * (2097151 & b) + (a >>> 0);
  };

  // Whether axe may judge the text: it must take room, and be more than a letter.
  const hasText = (element) => {
    const { localName, offsetWidth, offsetHeight, type } = element;
    if ((offsetWidth <= 1 && offsetHeight <= 1) || (localName === "input" && WITHOUT_TEXT.includes(type))) return false;
    let text = FIELDS.includes(localName) ? element.value || element.placeholder || "" : "";
    for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) text += node.data.trim();
    return text.length > 1;
  };

  const paint = ({ backgroundColor, backgroundImage }) => `${backgroundColor} ${backgroundImage}`;
  const isOpaque = (told) => /^(rgb|oklch)\([^/]*\) none$/.test(told);
  const effect = ({ opacity, filter, mixBlendMode }) => `${opacity} ${filter} ${mixBlendMode}`;
  const [NO_PAINT, NO_EFFECT] = ["rgba(0, 0, 0, 0) none", "1 none normal"];

  // As in the dark of a person's choice: the dashboard asks for the attribute, the staff site for the class.
  const inTheDark = async (act) => {
    const root = document.documentElement;
    const before = [root.getAttribute("data-theme"), root.getAttribute("class")];
    root.dataset.theme = "dark";
    root.classList.add("dark");
    try {
      return await act();
    } finally {
      for (const [place, name] of ["data-theme", "class"].entries()) {
        if (before[place] === null) root.removeAttribute(name);
        else root.setAttribute(name, before[place]);
      }
    }
  };

  // The whole page without hidden fields, whose values are new each time.
  window.readMarkup = () => hash(document.documentElement.outerHTML.replace(/<input type="hidden"[^>]*>/g, ""));

  // A number for each piece of text by what decides on its contrast: its colours and sizes, and what is painted behind it, in the
  // light and in the dark. What is moved may lie behind its neighbours, so it counts as painted on what holds them.
  window.readLooks = async () => {
    document.adoptedStyleSheets = [still];
    const root = document.documentElement;
    const seen = [root, ...root.querySelectorAll("body, body *")].filter((element) => element.checkVisibility());
    pieces = seen.filter(hasText);
    const read = () => [
      seen.map((element) => paint(getComputedStyle(element))),
      pieces.map((element) => getComputedStyle(element).color),
    ];
    const [paints, inks] = read();
    const [darkPaints, darkInks] = await inTheDark(read);

    const moved = new Map();
    seen.forEach((element, place) => {
      const told = `${paints[place]} ${darkPaints[place]}`;
      if (told === `${NO_PAINT} ${NO_PAINT}` || getComputedStyle(element).position === "static") return;
      moved.set(element.parentElement, `${moved.get(element.parentElement) ?? ""}|${told}`);
    });
    const outside = [matchMedia("(prefers-color-scheme: dark)").matches, root.dataset.theme, innerWidth].join(" ");
    const grounds = new Map([[null, outside]]);
    const effects = new Map([[null, ""]]);
    seen.forEach((element, place) => {
      let ground = grounds.get(element.parentElement);
      const [light, dark] = [paints[place], darkPaints[place]];
      if (isOpaque(light) && isOpaque(dark)) ground = outside;
      if (light !== NO_PAINT || dark !== NO_PAINT) ground += `|${light} ${dark}`;
      grounds.set(element, ground + (moved.get(element) ?? ""));
      const told = effect(getComputedStyle(element));
      effects.set(element, effects.get(element.parentElement) + (told === NO_EFFECT ? "" : told));
    });
    return pieces.map((element, place) => {
      const { fontSize, fontWeight, textShadow } = getComputedStyle(element);
      const own = [inks[place], darkInks[place], fontSize, fontWeight, textShadow];
      return hash([...own, effects.get(element), grounds.get(element)].join("|"));
    });
  };

  // What axe finds, by contrast only at these places; and the places where that is enough, and where it is not or cannot be known.
  window.judge = async (options, places) => {
    await Promise.allSettled(document.getAnimations().map((one) => one.finished));
    for (const place of places) pieces[place].setAttribute(MARK, "");
    const { violations, passed, unsure } = await axe.run(document, { preload: false, ...options });
    for (const place of places) pieces[place].removeAttribute(MARK);
    const among = (elements) => places.filter((place) => elements.has(pieces[place]));
    return [violations, among(passed), among(unsure)];
  };
  window.judgeInTheDark = (options, places) => inTheDark(() => window.judge(options, places));

  // Every color on the page, as it is and in the dark.
  window.readColors = () => [...document.querySelectorAll("body, body *")].map((element) => {
    const { color, backgroundColor, backgroundImage } = getComputedStyle(element);
    return `${element.localName}.${element.getAttribute("class")} ${color} ${backgroundColor} ${backgroundImage}`;
  });
  window.readColorsInTheDark = () => inTheDark(window.readColors);
})();
