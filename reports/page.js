// Conveniences only: the page is complete without this script.
"use strict";
for (const block of document.querySelectorAll("pre.command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  block.append(button);
}
const filter = document.getElementById("filter");
if (filter) {
  const input = filter.querySelector("input");
  const rows = [...document.querySelectorAll("#checks [data-row]")];
  const groups = [...document.querySelectorAll("#checks details")];
  filter.hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
    for (const group of groups) if (wanted) group.open = true;
  });
}
// A region that scrolls can be reached by keyboard; one that is seen and does not scroll is no stop.
for (const region of document.querySelectorAll(".scroll")) {
  if (region.clientWidth && region.scrollWidth <= region.clientWidth) region.removeAttribute("tabindex");
}
