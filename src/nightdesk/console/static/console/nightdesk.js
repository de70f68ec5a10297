// What the staff pages do beyond plain HTML: stay live, keep ages current, answer keys. Every page can be read and every
// form be sent without it. Its words stand in #words, in the reader's language (templates/console/skeleton.html).
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = find("#words").dataset;
  const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const clockText = (time) =>
    new Date(time).toLocaleTimeString(root.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  // A browser may refuse storage (private window, policy); then nothing is remembered, and all else works.
  const memory = {
    get(name) {
      try { return localStorage.getItem("nightdesk." + name); } catch { return null; }
    },
    set(name, value) {
      try { localStorage.setItem("nightdesk." + name, value); } catch { /* not remembered */ }
    },
  };

  // ---- Theme: a cookie, so that the server draws the page in it from the first byte --------------------------------

  function setTheme(theme) {
    root.dataset.theme = theme;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    showTheme();
  }

  function showTheme() {
    for (const button of all("[data-set-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setTheme === root.dataset.theme));
    }
  }

  // ---- Ages --------------------------------------------------------------------------------------------------------

  // The server's clock counts, not the device's: the page says when it was made, the browser when its first byte came.
  const madeAt = Date.parse(document.body.dataset.at ?? "");
  const arrivedAt = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0);
  const ahead = Number.isNaN(madeAt) ? 0 : madeAt - arrivedAt;
  const now = () => Date.now() + ahead;

  function age(instant) {
    const minutes = Math.floor((now() - Date.parse(instant)) / 60000);
    if (minutes < 1) return say("under");
    if (minutes < 60) return say("minutes", { minutes });
    if (minutes < 48 * 60) return say("hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
    return say("days", { days: Math.floor(minutes / (24 * 60)) });
  }

  function refreshAges() {
    for (const time of all("time[data-age]")) {
      const text = age(time.dateTime);
      if (time.textContent !== text) time.textContent = text;
    }
    for (const undo of all("[data-until]")) {
      if (now() >= Date.parse(undo.dataset.until)) undo.remove();
    }
  }

  // ---- Toasts ------------------------------------------------------------------------------------------------------

  const GOOD_NEWS_SECONDS = 10;

  function toast(text, level = "info") {
    const box = document.createElement("div");
    box.className = `toast ${level}`;
    const line = document.createElement("span");
    line.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn small";
    close.dataset.dismiss = "";
    close.textContent = say("close");
    box.append(line, close);
    find("#toasts")?.append(box);
    fade(box);
  }

  // What went wrong stays until it is read; what went well may go, but not from under a pointer or the focus.
  function fade(box) {
    if (!box.matches(".success, .info")) return;
    setTimeout(() => (box.matches(":hover, :focus-within") ? fade(box) : box.remove()), GOOD_NEWS_SECONDS * 1000);
  }

  // ---- Live --------------------------------------------------------------------------------------------------------
  // A stream says which topics changed, never what; each element asks for its own content again. A stream can die
  // without a word, so everything is asked for once a minute anyway, and every ten seconds while there is no stream.

  const POLL_SECONDS = 10;
  const CHECK_SECONDS = 60;
  const RENEW_SECONDS = 20;

  const live = {
    source: null,
    url: document.body.dataset.live,
    heardAt: Date.now(),   // when the server last answered anything
    askedAt: Date.now(),   // when everything was last asked for
    failing: false,
    streaming: false,
    etags: new WeakMap(),
    waiting: new Set(),    // elements that changed under a field that is being typed in

    elements: () => all("[data-topic][hx-get]"),

    start() {
      if (!this.elements().length) return;
      if (this.url) this.open();
      else this.show();
      setInterval(() => this.tick(), 1000);
      document.addEventListener("visibilitychange", () => this.seenOrHidden());
      window.addEventListener("online", () => this.askAll());
      document.addEventListener("focusout", () => setTimeout(() => this.catchUp(), 0));
    },

    open() {
      this.source?.close();
      const source = (this.source = new EventSource(this.url));
      source.addEventListener("open", () => {
        this.streaming = true;
        this.heard();
      });
      source.addEventListener("changed", (event) => {
        this.heard();
        for (const element of this.elements()) {
          if (element.dataset.topic.split(/\s+/).includes(event.data)) this.ask(element);
        }
      });
      source.addEventListener("end", (event) => {
        source.close();
        this.ended(event.data === "expired" ? 0 : 2);
      });
      source.addEventListener("error", () => {
        // Refused for good: the ticket ran out, or the server has enough streams. Else the browser tries by itself.
        if (source.readyState === EventSource.CLOSED) this.ended(RENEW_SECONDS);
        else this.ended(null);
      });
    },

    // No stream for now; `seconds` until a new one is asked for, null when the browser sees to it.
    ended(seconds) {
      this.streaming = false;
      setTimeout(() => this.show(), 5000);    // a stream that is back at once was never away
      if (seconds !== null) setTimeout(() => this.renew(), (seconds + Math.random() * 3) * 1000);
    },

    // A fresh copy of this page carries a fresh ticket.
    async renew() {
      if (document.hidden) return;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (this.signedOut(answer)) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (!page.body.dataset.live) return;
        this.url = page.body.dataset.live;
        this.open();
      } catch {
        this.ended(RENEW_SECONDS);
      }
    },

    // A browser keeps six connections to one host: a tab that nobody looks at gives its own back.
    seenOrHidden() {
      clearTimeout(this.letGo);
      if (document.hidden) {
        this.letGo = setTimeout(() => { this.source?.close(); this.streaming = false; }, 30000);
      } else if (this.url && this.source?.readyState === EventSource.CLOSED) {
        this.askAll();
        this.renew();
      }
    },

    tick() {
      const wanted = this.streaming ? CHECK_SECONDS : POLL_SECONDS;
      if (!document.hidden && Date.now() - this.askedAt >= wanted * 1000) this.askAll();
    },

    askAll() {
      this.askedAt = Date.now();
      for (const element of this.elements()) this.ask(element);
    },

    // Only an element whose content has changed is drawn again; the server says so by its ETag.
    async ask(element) {
      try {
        const headers = { "HX-Request": "true", Accept: "text/html" };
        if (this.etags.has(element)) headers["If-None-Match"] = this.etags.get(element);
        const answer = await fetch(element.getAttribute("hx-get"), { headers, cache: "no-store" });
        if (this.signedOut(answer)) return;
        if (answer.status >= 500) throw new Error(`answered ${answer.status}`);
        this.heard();
        if (!answer.ok) return;
        const text = await answer.text();
        if (this.draw(element, text)) this.etags.set(element, answer.headers.get("ETag") ?? "");
      } catch {
        this.failing = true;
        this.show();
      }
    },

    // False when it has to wait, because somebody is typing there.
    draw(element, text) {
      const field = document.activeElement;
      if (element.contains(field) && field.matches("input:not([type=checkbox]), textarea, select")) {
        this.waiting.add(element);
        banner("waiting", {}, "show", () => { field.blur(); this.catchUp(); });
        return false;
      }
      this.waiting.delete(element);
      if (!this.waiting.size) unbanner("waiting");
      // What was chosen in a list stays chosen, and what has the focus keeps it.
      const chosen = new Set(all("input[type=checkbox]:checked", element).map((box) => box.value));
      const focused = element.contains(field) ? field.closest("[data-item]")?.id : "";
      htmx.swap(element, text, { swapStyle: element.getAttribute("hx-swap") || "innerHTML" });
      for (const box of all("input[type=checkbox]", element)) {
        if (chosen.has(box.value)) box.checked = true;
      }
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      element.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    },

    catchUp() {
      for (const element of this.waiting) {
        if (!element.contains(document.activeElement)) this.ask(element);
      }
    },

    heard() {
      this.heardAt = Date.now();
      memory.set("heard-at", String(this.heardAt));
      const back = this.failing;
      this.failing = false;
      unbanner("old");
      this.show();
      if (back && this.source?.readyState === EventSource.CLOSED) this.renew();
    },

    signedOut(answer) {
      const out = answer.status === 401 || answer.redirected;
      if (out) banner("signedOut", {}, "signIn", () => location.reload());
      return out;
    },

    show() {
      const state = this.failing ? "lost" : this.streaming ? "live" : "checking";
      const time = clockText(this.heardAt);
      if (state === "lost") banner("old", { time }, "retry", () => this.askAll());
      const label = find("#live");
      if (!label) return;
      label.hidden = false;
      label.dataset.state = state;
      const text = say(state, { time });
      if (label.textContent !== text) label.textContent = text;
    },
  };

  // The one line under the bar that says that this page may be old, and what can be done.
  let act = () => location.reload();

  function banner(word, values, actionWord, action) {
    const stale = find("#stale");
    if (!stale) return;
    const text = say(word, values);
    const line = find("[data-says]", stale);
    if (line.textContent !== text) line.textContent = text;
    find("[data-act]", stale).textContent = say(actionWord);
    stale.dataset.word = word;
    stale.hidden = false;
    act = action;
  }

  function unbanner(word) {
    const stale = find("#stale");
    if (stale?.dataset.word === word) stale.hidden = true;
  }

  // ---- Palette -----------------------------------------------------------------------------------------------------

  function labelOf(element) {
    const copy = element.cloneNode(true);
    all("kbd, .said", copy).forEach((part) => part.remove());
    return copy.textContent.trim();
  }

  const palette = {
    options: [],
    chosen: 0,
    asked: 0,

    open() {
      const dialog = find("#palette");
      if (!dialog || dialog.open) return;
      find("input", dialog).value = "";
      this.own = this.ownCommands();
      this.fill("");
      dialog.showModal();
    },

    ownCommands() {
      const goes = all("[data-go]").map((link) => ({ label: labelOf(link), run: () => link.click() }));
      const does = all("main .actions .btn").map((button) => ({
        label: labelOf(button),
        kind: button.closest("[data-item]")?.querySelector(".title, .what a")?.textContent ?? "",
        run: () => button.click(),
      }));
      const folds = all("main .folds > details > summary").map((summary) => ({
        label: labelOf(summary),
        run: () => unfold(summary.parentElement),
      }));
      const opens = all(".menu [data-open]:not([data-open=palette]), .menu [data-set-theme]").map((button) => ({
        label: labelOf(button),
        kind: button.closest("fieldset")?.querySelector("legend").textContent,
        run: () => button.click(),
      }));
      return [...goes, ...does, ...folds, ...opens];
    },

    async fill(typed) {
      const wanted = typed.trim().toLocaleLowerCase();
      const own = this.own.filter((command) => command.label.toLocaleLowerCase().includes(wanted));
      this.draw(own);
      const url = find("#palette").dataset.url;
      if (!url || !wanted) return;
      const turn = ++this.asked;
      try {
        const answer = await fetch(`${url}?q=${encodeURIComponent(wanted)}`, { headers: { Accept: "application/json" } });
        const found = answer.ok ? await answer.json() : [];
        if (turn !== this.asked) return;    // something else has been typed since
        this.draw([...own, ...found.map((item) => ({ ...item, run: () => location.assign(item.url) }))]);
      } catch { /* what the page itself can do is still listed */ }
    },

    draw(options) {
      this.options = options;
      const list = find("#palette-list");
      list.replaceChildren(...options.map((option, index) => {
        const row = document.createElement("li");
        row.id = `palette-${index}`;
        row.setAttribute("role", "option");
        row.append(option.label);
        if (option.kind) {
          const kind = document.createElement("small");
          kind.textContent = option.kind;
          row.append(kind);
        }
        row.addEventListener("click", () => this.run(index));
        return row;
      }));
      find("#palette .none").hidden = options.length > 0;
      this.choose(0);
    },

    choose(index) {
      this.chosen = Math.max(0, Math.min(index, this.options.length - 1));
      all("#palette-list [role=option]").forEach((row, place) => {
        row.setAttribute("aria-selected", String(place === this.chosen));
        if (place === this.chosen) row.scrollIntoView({ block: "nearest" });
      });
      const input = find("#palette input");
      if (this.options.length) input.setAttribute("aria-activedescendant", `palette-${this.chosen}`);
      else input.removeAttribute("aria-activedescendant");
    },

    run(index) {
      const option = this.options[index];
      if (!option) return;
      find("#palette").close();
      option.run();
    },

    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) this.choose(this.chosen + step);
      else if (event.key === "Enter") this.run(this.chosen);
      else return;
      event.preventDefault();
    },
  };

  // ---- Keys --------------------------------------------------------------------------------------------------------

  let going = 0;    // when g was pressed; the letter after it says where to

  function move(step) {
    const items = all("main [data-item]").filter((item) => item.offsetParent);
    if (!items.length) return;
    const now = items.indexOf(document.activeElement?.closest("[data-item]"));
    const next = now < 0 ? (step > 0 ? 0 : items.length - 1) : Math.max(0, Math.min(items.length - 1, now + step));
    items[next].focus();
    items[next].scrollIntoView({ block: "nearest" });
  }

  function acknowledge() {
    const chosen = document.activeElement?.closest("[data-item]");
    const button = chosen && find('[data-verb="acknowledge"]', chosen);
    if (button) { button.click(); return; }
    // Nothing is taken by chance: the first press only chooses.
    const first = find("[data-unanswered]");
    if (first) first.focus();
    toast(say(first ? "acknowledgeAgain" : "nothingToAcknowledge"));
  }

  // Open what is folded, and begin to write there.
  function unfold(details) {
    details.open = true;
    details.scrollIntoView({ block: "nearest" });
    find("textarea, input:not([type=hidden]), select", details)?.focus();
  }

  // A page's own keys stand on what they press: in the chosen row first, unless several rows are chosen.
  function pressed(key) {
    const here = all(`main [data-key="${CSS.escape(key)}"]`).filter((each) => each.offsetParent);
    const inRow = document.activeElement?.closest("[data-item]");
    const several = find("main [data-item] input[type=checkbox]:checked");
    const row = here.find((each) => inRow?.contains(each));
    const own = here.find((each) => !each.closest("[data-item]"));
    const one = key !== "x" && several ? own ?? row : row ?? own;
    if (!one) return false;
    if (one.matches("details")) unfold(one);
    else if (one.matches("select, textarea")) one.focus();
    else one.click();
    return true;
  }

  const KEYS = {
    "?": () => find("#key-hints")?.showModal(),
    "/": () => find('.filters input[type="search"]')?.focus(),
    j: () => move(1),
    k: () => move(-1),
    a: acknowledge,
    u: () => find('[data-verb="undo"]')?.click(),
    g: () => { going = Date.now(); },
  };

  function onKey(event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      palette.open();
      return;
    }
    if (event.target.closest("#palette")) { palette.key(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (event.key === "Escape") { find(".menu[open]")?.removeAttribute("open"); return; }
    if (event.target.matches("input, textarea, select, [contenteditable]") || memory.get("single-keys") === "off") return;
    if (event.key === "Enter" && event.target.matches("[data-item]")) {
      find("a", event.target)?.click();
      return;
    }
    const action = Date.now() - going < 1500 && event.key !== "g"
      ? () => { going = 0; find(`[data-go="${CSS.escape(event.key)}"]`)?.click(); }
      : KEYS[event.key];
    if (!(Date.now() - going < 1500) && event.key.length === 1 && pressed(event.key)) {
      event.preventDefault();
      return;
    }
    if (!action) return;
    event.preventDefault();
    action();
  }

  function listGoKeys() {
    const list = find("[data-go-keys]");
    if (!list) return;
    for (const link of all("[data-go]")) {
      const keys = document.createElement("dt");
      const where = document.createElement("dd");
      for (const key of ["g", link.dataset.go]) {
        const cap = document.createElement("kbd");
        cap.textContent = key;
        keys.append(cap, " ");
      }
      where.textContent = labelOf(link);
      list.append(keys, where);
    }
  }

  // ---- All together ------------------------------------------------------------------------------------------------

  function onClick(event) {
    const pressed = event.target.closest("[data-dismiss], [data-set-theme], [data-open], [data-act]");
    const menu = find(".menu[open]");
    if (menu && !menu.contains(event.target)) menu.removeAttribute("open");
    if (!pressed) return;
    if ("dismiss" in pressed.dataset) pressed.closest(".toast").remove();
    if ("act" in pressed.dataset) act();
    if (pressed.dataset.setTheme) setTheme(pressed.dataset.setTheme);
    if (pressed.dataset.open) {
      menu?.removeAttribute("open");
      if (pressed.dataset.open === "palette") palette.open();
      else find(`#${pressed.dataset.open}`)?.showModal();
    }
  }

  // A second press while the first is on its way would ask for the same thing twice.
  function onSubmit(event) {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  }

  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("submit", onSubmit);
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));
  document.addEventListener("htmx:sendError", () => toast(say("refused"), "error"));
  document.addEventListener("htmx:afterSwap", refreshAges);
  document.addEventListener("allauth.error", () => toast(say("keyFailed"), "error"));

  find("#palette input")?.addEventListener("input", (event) => palette.fill(event.target.value));

  const singleKeys = find("#single-keys");
  if (singleKeys) {
    singleKeys.checked = memory.get("single-keys") !== "off";
    singleKeys.addEventListener("change", () => memory.set("single-keys", singleKeys.checked ? "on" : "off"));
  }

  // "Hear it": the words as a caller will hear them, in the voice of this device.
  document.addEventListener("click", (event) => {
    const hear = event.target.closest("[data-hear]");
    if (!hear || !window.speechSynthesis) return;
    speechSynthesis.cancel();
    const said = new SpeechSynthesisUtterance(find(hear.dataset.hear)?.textContent ?? "");
    said.lang = root.lang;
    speechSynthesis.speak(said);
  });

  const lastSeen = find("[data-last-seen]");
  if (lastSeen) {
    const heardAt = Number(memory.get("heard-at"));
    if (heardAt) lastSeen.textContent = lastSeen.dataset.lastSeen.replace("{time}", new Date(heardAt).toLocaleString(root.lang, { dateStyle: "medium", timeStyle: "short" }));
  } else {
    memory.set("heard-at", String(Date.now()));
  }

  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("main details")) unfold(target);
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();

  find(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  showTheme();
  listGoKeys();
  all(".toast").forEach(fade);
  refreshAges();
  setInterval(refreshAges, 15000);
  live.start();

  if (document.body.dataset.worker && "serviceWorker" in navigator) {
    navigator.serviceWorker.register(document.body.dataset.worker).catch(() => { /* the pages work without */ });
  }
})();
