"use strict";
const root = document.documentElement;
const tip = document.getElementById("tip");

// Without this script, browsers show the titles themselves, slowly.
for (const title of document.querySelectorAll("svg title")) {
  title.parentNode.dataset.tip = title.textContent;
  if (!title.parentNode.hasAttribute("aria-label")) title.parentNode.setAttribute("aria-label", title.textContent);
  title.remove();
}

function show(mark, x, y) {
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + "px";
  tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 18) + "px";
}

function marked(event) {
  return event.target instanceof Element ? event.target.closest("[data-tip]") : null;
}

document.addEventListener("pointermove", (event) => {
  const mark = marked(event);
  if (mark) show(mark, event.clientX, event.clientY);
  else tip.hidden = true;
});
document.addEventListener("focusin", (event) => {
  const mark = marked(event);
  const box = mark && mark.getBoundingClientRect();
  if (mark) show(mark, box.right, box.top);
});
document.addEventListener("focusout", () => { tip.hidden = true; });
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

function choose(rank) {
  for (const article of document.querySelectorAll("article")) article.hidden = article.id !== "pair-" + rank;
  for (const tab of document.querySelectorAll(".tabs button")) {
    tab.hidden = false;
    tab.setAttribute("aria-selected", String(tab.dataset.pair === rank));
  }
  for (const mark of document.querySelectorAll(".listed")) {
    mark.classList.toggle("chosen", mark.dataset.pair === rank);
    if (mark.dataset.pair !== rank) continue;
    const focused = mark.contains(document.activeElement) ? document.activeElement : null;
    mark.parentNode.append(mark); // above those in the same place
    if (focused) focused.focus();
  }
}

function asked(event) {
  const mark = event.target.closest("[data-pair]");
  if (mark) choose(mark.dataset.pair);
}

document.addEventListener("click", asked);
document.addEventListener("keydown", (event) => {
  if ((event.key === "Enter" || event.key === " ") && event.target.closest(".listed")) {
    event.preventDefault();
    asked(event);
  }
});
const first = document.querySelector("article");
if (first) choose(first.id.replace("pair-", ""));

const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
