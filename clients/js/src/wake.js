/**
 * Tells when a page comes back to life: shown again, network there again, out of the back cache.
 * Timers sleep with a phone, so the connection may be long dead by then. Nothing in Node.
 *
 * @return a function that ends it.
 */
export function watchWake({ woke, offline, hidden }) {
  const { window, document } = globalThis;
  if (!window?.addEventListener || !document?.addEventListener) return () => {};
  const watched = [
    [document, "visibilitychange", () => (document.visibilityState === "visible" ? woke() : hidden())],
    [window, "online", woke],
    [window, "offline", offline],
    [window, "pageshow", ({ persisted }) => persisted && woke()],
    [window, "pagehide", hidden],
  ];
  for (const [target, name, listener] of watched) target.addEventListener(name, listener);
  return () => {
    for (const [target, name, listener] of watched) target.removeEventListener(name, listener);
  };
}
