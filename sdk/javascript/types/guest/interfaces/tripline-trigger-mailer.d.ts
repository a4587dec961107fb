declare module 'tripline:trigger/mailer@0.1.0' {
  /**
   * `mailer`: its name in `[mailers]`, or none where the trigger is granted exactly one.
   * `key` tells apart the mails of one change: Message-ID is a hash of trigger, event ID and key, and the outbox
   * accepts each Message-ID once.
   */
  export function send(change: number, mailer: string | undefined, message: Message, key: string): void;
  export type MailError = MailErrorAccessDenied | MailErrorInvalid;
  /**
   * The trigger is not granted this mailer.
   */
  export interface MailErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * An address that is none, a header with a line break, no body, no recipient, or not a change of this batch.
   */
  export interface MailErrorInvalid {
    tag: 'invalid',
    val: string,
  }
  export interface Message {
    /**
     * Each `a@b.example` or `Name <a@b.example>`. The mail goes to all of them or, where the server refuses one, to none;
     * each sees the others' addresses.
     */
    to: Array<string>,
    replyTo?: string,
    subject: string,
    /**
     * At least one of text and html.
     */
    text?: string,
    html?: string,
  }
}
