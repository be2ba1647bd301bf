// Client of a Deskwire gateway. What it offers stands in ../index.d.ts, how it is used in ../README.md.

export { Channel } from "./channel.js";
export { DeskwireClient } from "./client.js";
export { afterClose, DeskwireError } from "./errors.js";
