// The button "Notify this phone": says how things stand with notifications in this browser, and changes it. The words of
// every state stand in templates/console/parts/push.html; here only one of them is shown.
"use strict";

(() => {
  const section = document.querySelector("[data-push]");
  if (!section) return;
  const find = (selector) => section.querySelector(selector);
  const iPhone = /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  const installed = matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;

  function show(state, text = "") {
    section.dataset.state = state;
    for (const part of section.querySelectorAll("[data-when]")) part.hidden = !part.dataset.when.split(" ").includes(state);
    find("[data-why]").textContent = text;
  }

  async function post(url, told) {
    const answer = await fetch(url, {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": find("[name=csrfmiddlewaretoken]").value,
      },
      body: JSON.stringify(told),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.do ? `${said.so} ${said.do}` : "");
    return said;
  }

  const keyOf = (subscription) => {
    const bytes = new Uint8Array(subscription.options.applicationServerKey ?? []);
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  // A permission that nobody can be asked for any more is no state to press buttons in.
  function whatStandsAgainstIt() {
    if (!window.isSecureContext) return "insecure";
    if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
      return iPhone && !installed ? "home-screen" : "unsupported";
    }
    return Notification.permission === "denied" ? "denied" : "";
  }

  async function isOn(registration, known, key) {
    (registration.active ?? navigator.serviceWorker.controller)?.postMessage({ device: known.token, key });
    find("[data-test]").action = known.test;
    find("[data-stop]").action = known.stop;
    show("on");
  }

  async function look() {
    const against = whatStandsAgainstIt();
    if (against) return show(against);
    const registration = await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.getSubscription();
    const key = section.dataset.key;
    if (Notification.permission !== "granted" || !subscription || keyOf(subscription) !== key) return show("off");
    const known = await post(section.dataset.look, { endpoint: subscription.endpoint });
    return known.known ? isOn(registration, known, key) : show("off");
  }

  async function turnOn() {
    show("asking");
    if (await Notification.requestPermission() !== "granted") return show(whatStandsAgainstIt() || "off");
    const registration = await navigator.serviceWorker.ready;
    const { key } = await post(section.dataset.keyUrl, {});
    // Whatever was there may hang on another key, or have ended without this browser's knowing.
    await (await registration.pushManager.getSubscription())?.unsubscribe();
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = subscription.toJSON();
    section.dataset.key = key;
    return isOn(registration, await post(section.dataset.add, { endpoint, p256dh: keys.p256dh, auth: keys.auth }), key);
  }

  // What the server refuses it says in words. The browser's own service hands out nothing without a network, or where it
  // is switched off, and has no words for people.
  const failed = (error) => show(error.name === "Error" && error.message ? "refused" : "failed", error.message);

  find("[data-notify]").addEventListener("click", () => turnOn().catch(failed));
  look().catch(failed);
})();
