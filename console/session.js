// Which conversation this page shows, and as whom: both stand in the address, so that a reload, a
// second window or a copied link finds them again.

const NAMES = { customer: "Visitor", agent: "Agent" };

export function sessionInAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const key = fragment.get("c");
  const token = fragment.get("t");
  return key && token ? { channel: `conversation:${key}`, token } : null;
}

export function addressOf({ channel, token }) {
  const fragment = new URLSearchParams({ c: channel.replace("conversation:", ""), t: token });
  return `#${fragment}`;
}

/** Opens a sandbox conversation, or joins the one whose id is given. */
export async function openSession(wanted = {}) {
  const response = await fetch("/v1/sandbox/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wanted),
  });
  if (response.status === 404) throw new Error("This server has no sandbox source.");
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.json();
}

/** The conversation's own id: a source's namespace stands before "~". */
export function conversationId(channel) {
  return channel.replace(/^conversation:(.*~)?/, "");
}

/** Who the token says we are. The server checks it; here it only decides what is shown where. */
export function identity(token) {
  try {
    const text = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    const role = claims.role === "agent" ? "agent" : "customer";
    return { id: String(claims.sub ?? ""), role, name: String(claims.name ?? NAMES[role]) };
  } catch {
    return { id: "", role: "customer", name: NAMES.customer };
  }
}
