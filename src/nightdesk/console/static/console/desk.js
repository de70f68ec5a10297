// What the desk's pages do beyond plain HTML: keep what is being written, say who else is here, count what is chosen.
"use strict";

(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const token = () => find("[name=csrfmiddlewaretoken]")?.value ?? "";

  function post(url, fields, more = {}) {
    const body = new URLSearchParams({ ...fields, csrfmiddlewaretoken: token() });
    return fetch(url, { method: "POST", body, headers: { "X-Requested-With": "desk" }, ...more });
  }

  // ---- Drafts: on the server as they are typed ---------------------------------------------------------------------

  const KEEP_AFTER_MS = 600;
  const composer = find("[data-composer]");
  let typedAt = 0;

  class Draft {
    constructor(field) {
      this.field = field;
      this.kind = field.dataset.draft;
      this.kept = field.value;
      this.line = find(`[data-draft-said="${this.kind}"]`);
      field.addEventListener("input", () => this.typed());
      field.form.addEventListener("submit", (event) => this.send(event));
      document.addEventListener("visibilitychange", () => document.hidden && this.keep(true));
      window.addEventListener("pagehide", () => this.keep(true));
    }

    typed() {
      const first = Date.now() - typedAt > 10000;
      typedAt = Date.now();
      if (first) sayHere();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.keep(false), KEEP_AFTER_MS);
    }

    // `leaving`: the browser finishes the request after the page is gone.
    keep(leaving) {
      clearTimeout(this.timer);
      if (this.sent || this.field.value === this.kept) return;
      const text = this.field.value;
      this.kept = text;
      this.running = this.ask(text, leaving).finally(() => { this.running = null; });
    }

    async ask(text, leaving) {
      try {
        const answer = await post(composer.dataset.draftUrl, { kind: this.kind, text }, { keepalive: leaving && text.length < 15000 });
        if (!answer.ok || answer.redirected) throw new Error(`answered ${answer.status}`);
        const time = await answer.text();
        this.say(time ? composer.dataset.kept.replace("{time}", time) : "");
      } catch {
        this.kept = null;
        this.say(composer.dataset.notKept);
      }
    }

    say(text) {
      if (this.line && !this.sent) this.line.textContent = text;
    }

    // A draft that is still on its way would come back after the words were sent.
    send(event) {
      if (event.defaultPrevented) return;
      clearTimeout(this.timer);
      this.sent = true;
      if (!this.running) return;
      event.preventDefault();
      this.running.finally(() => this.field.form.submit());
    }
  }

  // ---- Who else is here --------------------------------------------------------------------------------------------

  const HERE_EVERY_MS = 10000;

  function sayHere() {
    if (document.hidden) return;
    const typing = Date.now() - typedAt < 10000 ? "yes" : "";
    post(composer.dataset.here, { typing }).catch(() => { /* said again in ten seconds */ });
  }

  if (composer) {
    for (const field of all("[data-draft]", composer)) new Draft(field);
    sayHere();
    setInterval(sayHere, HERE_EVERY_MS);
    document.addEventListener("visibilitychange", sayHere);
    window.addEventListener("pagehide", () => {
      post(composer.dataset.here, { gone: "yes" }, { keepalive: true }).catch(() => { /* it is forgotten by itself */ });
    });
    composer.addEventListener("click", (event) => {
      const read = event.target.closest("[data-seen]");
      if (!read) return;
      const seen = find("[name=reply-seen_id]", composer);
      if (seen) seen.value = read.dataset.seen;
      const line = find("#presence", composer);
      const url = new URL(line.getAttribute("hx-get"), location.href);
      url.searchParams.set("seen", read.dataset.seen);
      line.setAttribute("hx-get", url.pathname + url.search);
      read.closest(".newer").remove();
    });
    composer.addEventListener("change", (event) => {
      const from = event.target.closest("[data-insert]");
      if (from?.value) {
        const field = document.getElementById(from.dataset.insert);
        field.setRangeText(from.value, field.selectionStart, field.selectionEnd, "end");
        from.value = "";
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.focus();
      }
      if (event.target.type !== "file") return;
      const names = [...event.target.files].map((file) => file.name).join(", ");
      const line = event.target.closest(".send")?.querySelector("[data-files]");
      if (line) line.textContent = names;
    });
  }

  // ---- What is chosen in the queue ---------------------------------------------------------------------------------

  const press = find("[data-press]");

  function showChosen() {
    const count = all("input[name=ticket]:checked").length;
    const line = find("[data-chosen]", press);
    const text = count === 1 ? line.dataset.one : line.dataset.many.replace("{count}", count);
    if (count && line.textContent !== text) line.textContent = text;
  }

  function showWith() {
    const box = find("[data-needed-by]", press);
    const needed = box.dataset.neededBy.split(" ").includes(find("select", press).value);
    box.hidden = !needed;
    box.required = needed;
  }

  if (press) {
    document.addEventListener("change", () => { showChosen(); showWith(); });
    press.addEventListener("click", (event) => {
      if (!event.target.closest("[data-choose-none]")) return;
      for (const box of all("input[name=ticket]:checked")) box.checked = false;
    });
    showChosen();
    showWith();
  }
})();
