/** Mail, by a mailer of the operator's: accepted with the change that it belongs to, and sent from the host's outbox. Wants `grants = { mailers = ["…"] }`. @module */

import { mailer } from "#host";
import { placeOf } from "./change.js";
import { optionalText, text } from "./check.js";
import { ask, invalid } from "./failure.js";
import { kindOf } from "./kind.js";

/**
 * @typedef {object} Mail
 * @property {string | string[]} to each `a@b.example` or `Name <a@b.example>`
 * @property {string} subject
 * @property {string} [text] at least one of text and html
 * @property {string} [html]
 * @property {string} [replyTo]
 * @property {string} [mailer] its name; needed where the trigger is granted several
 * @property {string} [key] tells apart the mails of one change: each is accepted once
 */

/** @param {import("./change.js").Change<any, any>} change @param {Mail} mail */
export function send(change, mail) {
  const place = placeOf(change);
  ask("mail", () => mailer.send(place, optionalText("the mailer", mail.mailer), message(mail), optionalText("the key", mail.key) ?? ""));
}

/** @param {Mail} mail */
function message({ to, replyTo, subject, text: plain, html }) {
  const all = typeof to === "string" ? [to] : to;
  if (!Array.isArray(all)) throw invalid(`to is ${kindOf(to)}: an address is wanted, or a list of them`);
  return {
    to: all.map((one) => text("an address in to", one)),
    replyTo: optionalText("replyTo", replyTo),
    subject: text("the subject", subject),
    text: optionalText("the text", plain),
    html: optionalText("the html", html),
  };
}
