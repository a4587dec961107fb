/** Mail, by a mailer of the operator's: accepted with the change that it belongs to, and sent from the host's outbox. Wants `grants = { mailers = ["…"] }`. @module */
export type Mail = {
    /**
     * each `a@b.example` or `Name <a@b.example>`
     */
    to: string | string[];
    subject: string;
    /**
     * at least one of text and html
     */
    text?: string;
    html?: string;
    replyTo?: string;
    /**
     * its name; needed where the trigger is granted several
     */
    mailer?: string;
    /**
     * tells apart the mails of one change: each is accepted once
     */
    key?: string;
};
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
export declare function send(change: import("./change.js").Change<any, any>, mail: Mail): void;
