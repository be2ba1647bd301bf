// What must hold in the end: what was heard, sent and seen against the channels' logs and each other.

/** Members whose view of who is there is not what it should be. */
export function wrongViews(viewer, persons) {
  const there = persons.filter(({ channel, expected }) => channel === viewer.channel && expected !== null);
  const right = JSON.stringify(there.map(({ clientId, expected }) => `${clientId} ${expected}`).sort());
  return viewer.tabs.flatMap((tab) => {
    const seen = JSON.stringify([...tab.members].map(([clientId, data]) => `${clientId} ${data}`).sort());
    return tab.gone || seen === right ? [] : [`${tab.name} sees ${seen} instead of ${right}`];
  });
}

export function judgeMember(member, log) {
  const wanted = log.filter(({ offset }) => offset > member.first).map(({ offset, id }) => `${offset} ${id}`);
  const at = wanted.findIndex((event, i) => event !== member.heard[i]);
  if (at >= 0) return [`${member.name}: heard ${member.heard[at]} instead of ${wanted[at]}`];
  const more = member.heard.length - wanted.length;
  return more > 0 ? [`${member.name}: heard ${more} events that are not in the log`] : [];
}

export function judgeSends(persons, logs) {
  const problems = [];
  for (const [channel, log] of logs) {
    const times = new Map();
    for (const { event, data } of log) {
      if (event === "message:agent") times.set(data.messageId, (times.get(data.messageId) ?? 0) + 1);
    }
    for (const [messageId, count] of times) if (count > 1) problems.push(`${channel}: ${messageId} is there ${count} times`);
    const mine = persons.filter((person) => person.channel === channel).flatMap(({ tabs }) => tabs);
    for (const member of mine) {
      for (const messageId of member.sent) if (!times.has(messageId)) problems.push(`${member.name}: ${messageId} was answered and is lost`);
    }
  }
  return problems;
}

export function judgeReads(persons, logs) {
  const problems = [];
  for (const person of persons) {
    const kept = logs.get(person.channel).filter(({ event, clientId }) => event === "read" && clientId === person.clientId).length;
    const told = person.tabs.reduce((sum, tab) => sum + tab.reads, 0);
    if (kept < told) problems.push(`${person.clientId}: ${told} reads were answered, ${kept} are kept`);
  }
  return problems;
}
