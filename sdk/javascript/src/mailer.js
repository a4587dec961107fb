/** Mail, by a mailer of the operator's: accepted with the change that it belongs to, and sent from the host's outbox. Wants `grants = { mailers = ["…"] }`. @module */

import { mailer } from "#host";
import { placeOf } from "./change.js";
import { ask } from "./failure.js";

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
  const to = typeof mail.to === "string" ? [mail.to] : mail.to;
  const message = { to, replyTo: mail.replyTo, subject: mail.subject, text: mail.text, html: mail.html };
  const place = placeOf(change);
  ask("mail", () => mailer.send(place, mail.mailer, message, mail.key ?? ""));
}
