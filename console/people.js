// Who is here, and who types. Names come from others and are shown as text.

const ROLES = { ai: "Assistant", agent: "Agent", customer: "Customer" };
const MAX_SHOWN = 8;

/** The line below the messages. */
export function showTypists(line, typists, me) {
  const names = typists.slice(0, 3).map(({ actor, id, name }) => {
    if (id !== "" && id === me.id) return "Your other window";
    return name || ROLES[actor] || "Somebody";
  });
  const verb = typists.length > 1 ? "are" : "is";
  line.textContent = names.length > 0 ? `${names.join(" and ")} ${verb} typing` : "";
}

/** The list in the header: a dot and a name for everybody else. */
export function showPeople(list, members, me) {
  const others = members.filter(({ clientId }) => clientId !== me.id);
  const items = others.slice(0, MAX_SHOWN).map(({ clientId, data }) => {
    const item = document.createElement("li");
    item.className = "person";
    const name = typeof data.name === "string" && data.name !== "" ? data.name : clientId;
    item.textContent = data.role === "agent" ? `${name} (agent)` : name;
    return item;
  });
  if (others.length > MAX_SHOWN) {
    const rest = document.createElement("li");
    rest.textContent = `and ${others.length - MAX_SHOWN} more`;
    items.push(rest);
  }
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
}
