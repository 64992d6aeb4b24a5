"use strict";
// Shows the cases that match all three filters, and how many they are.
const cases = [...document.querySelectorAll("details.case")];
const words = document.getElementById("words");
const verdict = document.getElementById("verdict");
const tag = document.getElementById("tag");
const shown = document.getElementById("shown");

function filter() {
  const sought = words.value.trim().toLowerCase();
  let count = 0;
  for (const one of cases) {
    const failed = !one.dataset.verdict.startsWith("right");
    const matches =
      (!verdict.value || verdict.value === one.dataset.verdict || (verdict.value === "failed" && failed)) &&
      (!tag.value || one.dataset.tags.split("\n").includes(tag.value)) &&
      (!sought || one.textContent.toLowerCase().includes(sought));
    one.hidden = !matches;
    count += matches ? 1 : 0;
  }
  shown.textContent = `${count} of ${cases.length} cases`;
}

words.addEventListener("input", filter);
verdict.addEventListener("change", filter);
tag.addEventListener("change", filter);
document.getElementById("clear").addEventListener("click", () => {
  words.value = verdict.value = tag.value = "";
  filter();
});
document.getElementById("failed").addEventListener("click", () => {
  verdict.value = "failed";
  filter();
});
filter();
