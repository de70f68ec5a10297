{% load static %}// Answers when there is no network: with the page that says so, and with what that page is made of. It keeps no other
// page: a list of what is waiting that is an hour old, and does not say so, is worse than none.
"use strict";

const OFFLINE = "{% url "offline" %}";
const KEPT = [OFFLINE, "{% static "console/nightdesk.css" %}", "{% static "console/nightdesk.js" %}", "{% static "django_htmx/htmx-2.min.js" %}", "{% static "console/mark.svg" %}"];
// Addresses of static files change with their content, so the list names the version.
const CACHE = "nightdesk " + KEPT.join(" ");

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
