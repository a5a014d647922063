// Small functions that make elements. Text is always text, never HTML: names of layers come from anywhere.

export function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function button(text, onClick, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, [text]);
  made.addEventListener("click", onClick);
  return made;
}

export function link(href) {
  return element("link", { rel: "stylesheet", href: new URL(href, import.meta.url) });
}

/** Replaces the children of `parent`, unless `children` say the same: a focus or an open menu is not lost. */
export function fill(parent, children, identity) {
  const same = (a, b) => a.className === b.className && identity(a) === identity(b);
  const old = [...parent.children];
  if (old.length === children.length && children.every((child, index) => same(child, old[index]))) return;
  const focused = old.findIndex((child) => child.contains(document.activeElement));
  parent.replaceChildren(...children);
  if (focused >= 0) parent.children[focused]?.querySelector("input, button")?.focus();
}
