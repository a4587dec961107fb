// Package mailer sends mail, by a mailer of the operator's: accepted with the change that it belongs to, sent from the host's outbox. It wants
// `grants = { mailers = ["…"] }`.
package mailer

import (
	"github.com/tripline/tripline/sdk/go"
	"github.com/tripline/tripline/sdk/go/internal/host"
)

// Message is a mail. From is the operator's.
type Message struct {
	// To: each `a@b.example` or `Name <a@b.example>`.
	To      []string
	Subject string
	// At least one of the two.
	Text, HTML string
	ReplyTo    string
	// Mailer is needed where several are granted.
	Mailer string
	// Key tells apart the mails of one change.
	Key string
}

// Send hands a mail to the outbox, once for each change and key.
func Send(change *tripline.Change, message Message) error {
	mail := host.Mail{To: message.To, ReplyTo: message.ReplyTo, Subject: message.Subject, Text: message.Text, HTML: message.HTML}
	return host.Error(host.Send(change.Index(), message.Mailer, mail, message.Key))
}
