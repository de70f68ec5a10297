// The status page while it is open: it looks again every 20 seconds, and says by itself that an update is late, also where
// it is served by a network that does not know the time. Without this script everything can be read all the same.
"use strict";

const LOOK_AGAIN_AFTER = 20_000;

function sayLate() {
  for (const line of document.querySelectorAll("[data-due]")) {
    if (Date.now() < Date.parse(line.dataset.due) + LOOK_AGAIN_AFTER) continue;
    const words = document.createElement("b");
    words.textContent = ` ${line.dataset.late}`;
    line.append(words);
    line.classList.add("late");
    line.removeAttribute("data-due");
  }
}

async function look() {
  try {
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [now, next] = [document.querySelector("main"), fresh.querySelector("main")];
      if (next && now.innerHTML !== next.innerHTML && !now.contains(document.activeElement)) {
        now.replaceChildren(...next.childNodes);
        document.title = fresh.title;
        document.querySelector(".mark").className = fresh.querySelector(".mark").className;
      }
    }
  } catch {
    // The network is away; what stands here stays, and says itself when it is late.
  }
  sayLate();
}

setInterval(() => { if (!document.hidden) look(); }, LOOK_AGAIN_AFTER);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
