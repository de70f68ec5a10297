{% load i18n static %}// Two things that a page cannot do while nobody has it open: answer when there is no network, and show what is pushed.
//
// Without a network it answers with the page that says so, and with what that page is made of. It keeps no other page: a
// list of what is waiting that is an hour old, and does not say so, is worse than none.
//
// What is pushed is shown, always: Safari takes the permission away from whoever shows nothing. A button's answer goes out
// with the token that came with the push, and what the server says to it stands in the notification from then on.
"use strict";

const OFFLINE = "{% url "offline" %}";
const KEPT = [OFFLINE, "{% static "console/nightdesk.css" %}", "{% static "console/nightdesk.js" %}", "{% static "django_htmx/htmx-2.min.js" %}", "{% static "console/mark.svg" %}"];
// Addresses of static files change with their content, so the list names the version.
const CACHE = "nightdesk " + KEPT.join(" ");

const ICON = "{% static "console/mark-192.png" %}";
const POCKET = "{% url "console:pocket" %}";
const THEIRS = "{% url "portal:home" %}";     // where a customer reads what a notice is about
const TOKEN = "TOKEN";
const ANSWER_PAGE = "{% url "answer" "TOKEN" %}";
const ANSWER = "{% url "push_answer" "TOKEN" %}";
const SEEN = "{% url "push_seen" "TOKEN" %}";
const RENEW = "{% url "push_renew" %}";

const WORDS = {
  take: "{% filter escapejs %}{% translate "I've got it" %}{% endfilter %}",
  pass: "{% filter escapejs %}{% translate "Wake next" %}{% endfilter %}",
  morning: "{% filter escapejs %}{% translate "In the morning" %}{% endfilter %}",
  arrived: "{% filter escapejs %}{% translate "It arrived" %}{% endfilter %}",
  well: "{% filter escapejs %}{% translate "I am well" %}{% endfilter %}",
  help: "{% filter escapejs %}{% translate "I need help" %}{% endfilter %}",
  waiting: "{% filter escapejs %}{% translate "No connection: your answer waits, and nobody knows of it yet." %}{% endfilter %}",
  failed: "{% filter escapejs %}{% translate "Your answer did not go: no connection. Try again, or reply to the text." %}{% endfilter %}",
  late: "{% filter escapejs %}{% translate "Your answer did not go in time. Look how it stands before you do anything." %}{% endfilter %}",
  unread: "{% filter escapejs %}{% translate "Something is waiting" %}{% endfilter %}",
};

const RINGS = ["page.rung", "page.asked", "visit.ask"];    // what wants an answer now
const ANSWERS = "answers";                    // the background sync's name
const STALE_AFTER = 10 * 60 * 1000;           // ms: "I've got it" said at four must not take a page at seven
const PATIENCE = 10 * 1000;                   // ms for one request

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (KEPT.includes(new URL(request.url).pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
  }
});

// ---- What is pushed --------------------------------------------------------------------------------------------------

self.addEventListener("push", (event) => {
  let told;
  try { told = event.data.json(); } catch { told = { title: WORDS.unread, kind: "", tag: "unread", verbs: [] }; }
  event.waitUntil(arrived(told));
});

async function arrived(told) {
  const rings = RINGS.includes(told.kind);
  await show(told, told.body, { rings, buttons: buttonsOf(told) });
  await report(told, "delivered");
}

// The same tag takes the place of what stands there about the same thing; only what rings makes itself heard again.
function show(told, text, { rings = false, buttons = [] } = {}) {
  return self.registration.showNotification(told.title, {
    body: [text, rings && told.code].filter(Boolean).join(" · "),
    tag: told.tag,
    data: told,
    icon: ICON,
    badge: ICON,
    timestamp: told.at,
    actions: buttons,
    requireInteraction: rings,
    renotify: rings,
    silent: !rings && told.kind.startsWith("page."),
    ...(rings && { vibrate: [400, 200, 400, 200, 800] }),
  });
}

// Safari and Firefox have no buttons: there the notification itself leads to them.
function buttonsOf(told) {
  const offered = told.kind.startsWith("page.")
    ? [["acknowledge", WORDS.take], ["escalate", WORDS.pass], ["morning", WORDS.morning]]
    : told.kind.startsWith("visit.")
      ? [["acknowledge", WORDS.well], ["decline", WORDS.help]]
      : [["acknowledge", WORDS.arrived]];
  return offered
    .filter(([verb]) => told.verbs.includes(verb))
    .slice(0, self.Notification.maxActions ?? 0)
    .map(([action, title]) => ({ action, title }));
}

// ---- What is pressed -------------------------------------------------------------------------------------------------

self.addEventListener("notificationclick", (event) => {
  const told = event.notification.data ?? {};
  if (event.action) {
    event.waitUntil(answer({ told, verb: event.action, at: Date.now() }));
  } else {
    event.notification.close();
    event.waitUntil(Promise.all([open(told), report(told, "read")]));
  }
});

async function open({ kind = "", token = "", verbs = [] }) {
  const path = kind === "outage.update" ? THEIRS : kind.startsWith("page.") || !verbs.length ? POCKET : ANSWER_PAGE.replace(TOKEN, token);
  const windows = await self.clients.matchAll({ type: "window" });
  const there = windows.find((one) => new URL(one.url).pathname === path);
  return there ? there.focus() : self.clients.openWindow(path);
}

async function answer(given) {
  const { told, verb } = given;
  try {
    await done(told, await ask(told, verb));
  } catch {
    if (await later(given)) return show(told, WORDS.waiting);
    return show(told, WORDS.failed, { buttons: buttonsOf(told) });
  }
}

async function done(told, said) {
  await keep((answers) => answers.delete(told.tag));
  return show({ ...told, verbs: [] }, said);
}

// What the server says to the answer, also where it refuses. Throws where it could not be asked.
async function ask(told, verb) {
  const answer = await fetch(ANSWER.replace(TOKEN, told.token), {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams({ verb }),
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer.status >= 500 || answer.status === 429) throw new Error(`answered ${answer.status}`);
  const said = await answer.json();
  return said.said ?? `${said.so} ${said.do}`;
}

// A receipt that is lost only leaves the sender in doubt.
async function report(told, seen) {
  if (!told.token) return;
  try {
    await fetch(SEEN.replace(TOKEN, told.token), {
      method: "POST",
      body: new URLSearchParams({ seen }),
      credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch { /* it stays "accepted" */ }
}

// ---- Answers that wait for a network ---------------------------------------------------------------------------------

// False where the browser has no background sync: then nothing would ever send it.
async function later(given) {
  if (!self.registration.sync) return false;
  try {
    await keep((answers) => answers.put(given, given.told.tag));
    await self.registration.sync.register(ANSWERS);
    return true;
  } catch {
    return false;
  }
}

self.addEventListener("sync", (event) => {
  if (event.tag === ANSWERS) event.waitUntil(sendKept(event.lastChance));
});

async function sendKept(lastChance) {
  let failed = false;
  for (const { told, verb, at } of await keep((answers) => answers.getAll())) {
    if (Date.now() - at > STALE_AFTER) {
      await done(told, WORDS.late);
      continue;
    }
    try {
      await done(told, await ask(told, verb));
    } catch {
      failed = true;
      if (lastChance) await done(told, WORDS.failed);
    }
  }
  if (failed && !lastChance) throw new Error("There is still no network.");    // the browser tries again by itself
}

// ---- The subscription ------------------------------------------------------------------------------------------------

// The page tells what a renewal needs: the token that proves which device this is, and the key to subscribe with.
self.addEventListener("message", (event) => {
  const { device, key } = event.data ?? {};
  if (device) event.waitUntil(keep((store) => store.put({ device, key }, "device"), "device"));
});

self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event.newSubscription)));

async function renew(fresh) {
  const known = await keep((store) => store.get("device"), "device");
  if (!known) return;
  const subscription = fresh ?? await self.registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: known.key,
  });
  const { endpoint, keys } = subscription.toJSON();
  await fetch(RENEW, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: known.device, endpoint, ...keys }),
    credentials: "omit",
  });
}

// What `use` asks of a store that outlives the worker.
function keep(use, name = "answers") {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("nightdesk", 1);
    opening.onupgradeneeded = () => ["answers", "device"].forEach((store) => opening.result.createObjectStore(store));
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const db = opening.result;
      const asked = use(db.transaction(name, "readwrite").objectStore(name));
      asked.onsuccess = () => { db.close(); resolve(asked.result); };
      asked.onerror = () => { db.close(); reject(asked.error); };
    };
  });
}
