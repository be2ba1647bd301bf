// ?debug=1: every event and state as it comes, newest last, bounded.

const MAX_LINES = 300;

export function debugLog(section, list) {
  if (new URLSearchParams(location.search).get("debug") !== "1") return () => {};
  section.hidden = false;
  return (what, value) => {
    const item = document.createElement("li");
    item.textContent = `${new Date().toISOString().slice(11, 23)} ${what} ${JSON.stringify(value)}`;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(item);
    if (list.childElementCount > MAX_LINES) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  };
}
