// The button "Notify this browser". Without script, or where the browser has no notifications, it stays hidden.
"use strict";

(() => {
  const section = document.querySelector("[data-notify]");
  if (!section || !("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return;
  const button = section.querySelector("[data-on]");
  const say = (text) => { section.querySelector("[data-why]").textContent = text; };

  async function post(url, told) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": section.querySelector("[name=csrfmiddlewaretoken]").value },
      body: JSON.stringify(told),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`${said.so} ${said.do}`);
    return said;
  }

  async function turnOn() {
    if (await Notification.requestPermission() !== "granted") return;
    await navigator.serviceWorker.register(section.dataset.worker);
    const { pushManager } = await navigator.serviceWorker.ready;
    const { key } = await post(section.dataset.keyUrl, {});
    // What was there may hang on another key, or have ended without this browser's knowing.
    await (await pushManager.getSubscription())?.unsubscribe();
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = subscription.toJSON();
    await post(section.dataset.add, { endpoint, ...keys });
    location.reload();
  }

  button.hidden = false;
  button.addEventListener("click", () => turnOn().catch((error) => say(error.message)));
})();
