// Package logs is a handler for log/slog: lines in the host's log, under the trigger's name. Importing it makes it slog's default.
package logs

import (
	"context"
	"log/slog"
	"strings"

	"github.com/tripline/tripline/sdk/go/internal/host"
)

func init() {
	slog.SetDefault(slog.New(New("")))
}

// New is a handler; `context` is shown with each line: a part of the plugin, say.
func New(context string) slog.Handler {
	written := &strings.Builder{}
	// The host has the time and the level, and decides which levels it shows.
	text := slog.NewTextHandler(written, &slog.HandlerOptions{Level: levelMin, ReplaceAttr: attributesOnly})
	return &handler{context, text, written}
}

const levelMin = slog.Level(-8)

func attributesOnly(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && (attr.Key == slog.TimeKey || attr.Key == slog.LevelKey || attr.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return attr
}

// Attributes are written by slog's own handler, into `written`; the message stands before them.
type handler struct {
	context string
	text    slog.Handler
	written *strings.Builder
}

func (handler *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= levelMin
}

func (handler *handler) Handle(context context.Context, record slog.Record) error {
	handler.written.Reset()
	if err := handler.text.Handle(context, record); err != nil {
		return err
	}
	message := strings.TrimSpace(record.Message + " " + strings.TrimSpace(handler.written.String()))
	host.Log(level(record.Level), handler.context, message)
	return nil
}

func (given *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{given.context, given.text.WithAttrs(attrs), given.written}
}

func (given *handler) WithGroup(name string) slog.Handler {
	return &handler{given.context, given.text.WithGroup(name), given.written}
}

// As the contract counts them: trace, debug, info, warn, error.
func level(level slog.Level) uint8 {
	switch {
	case level < slog.LevelDebug:
		return 0
	case level < slog.LevelInfo:
		return 1
	case level < slog.LevelWarn:
		return 2
	case level < slog.LevelError:
		return 3
	default:
		return 4
	}
}
