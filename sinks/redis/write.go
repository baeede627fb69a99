package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
)

// Bounds of one call of the script: it stops the server for as long as it runs,
// about a millisecond at these.
const (
	maxKeys  = 190
	maxArgs  = 20_000
	maxBytes = 512 << 10
	// inFlight calls are sent before the first answer is read.
	inFlight = 16
)

// header is the number of arguments before the operations.
const header = 11

// writing cuts changes into calls of the script. The numbers of the parts make
// sure that none is applied when one before it was not.
type writing struct {
	s       *Sink
	to      sinks.Progress
	kind    string // of a call
	last    string // of the last call
	after   string
	channel string
	part    int

	keys    []string
	index   map[string]int
	args    []any
	bytes   int
	message []byte
	calls   []call
}

type call struct {
	keys []string
	args []any
}

func (s *Sink) newWriting(to sinks.Progress, kind string) *writing {
	w := &writing{s: s, to: to, kind: kind, last: kind}
	w.clear()
	return w
}

func (w *writing) clear() {
	w.keys, w.index = []string{w.s.keys.cursor}, map[string]int{}
	w.args = make([]any, header, 256)
	w.bytes, w.message = 0, nil
}

// key gives the number of a key in this call.
func (w *writing) key(name string) int {
	if n, ok := w.index[name]; ok {
		return n
	}
	w.keys = append(w.keys, name)
	w.index[name] = len(w.keys)
	w.bytes += len(name)
	return len(w.keys)
}

func (w *writing) add(args ...any) {
	w.args = append(w.args, args...)
	for _, a := range args {
		if s, ok := a.(string); ok {
			w.bytes += len(s)
		} else {
			w.bytes += 8
		}
	}
}

// change adds what a changed row means. Rows whose hour has expired are over.
func (w *writing) change(ctx context.Context, c *sinks.Change) error {
	k := keptOf(c.Table)
	if k == nil {
		return nil
	}
	window := event.Millis(c.Key[0].Int)
	at, ok := w.s.alive(window)
	if !ok {
		return nil
	}
	member, hour := c.Key[k.member].Text, window.Floor(event.Hour)
	packed := ""
	if c.Row != nil {
		packed = k.pack(c.Row)
	}
	if err := w.room(ctx, 2+len(k.figures)); err != nil {
		return err
	}
	w.add("R", w.key(w.s.keys.window(k.minute, member, window)), w.key(w.s.keys.window(k.hour, member, hour)),
		int64(at), member, k.rowField(c.Key), packed, len(k.figures))
	for _, f := range k.figures {
		value, total, top := int64(0), f.total(c.Key), 0
		if c.Row != nil {
			value = c.Row[f.column].Int
		}
		if f.top {
			top = w.key(w.s.keys.top(total, hour))
		}
		w.add(total, top, strconv.FormatInt(value, 10))
	}
	if w.channel != "" {
		w.publish(c)
	}
	return nil
}

// publish adds the row to the message of this call.
func (w *writing) publish(c *sinks.Change) {
	b := w.message
	if b != nil {
		b = append(b, ',')
	}
	b = append(b, `{"table":"`...)
	b = append(append(b, c.Table.Name...), `",`...)
	if c.Row != nil {
		b = sinks.AppendJSON(b, c.Table, c.Row, len(c.Table.Columns))
	} else {
		b = append(sinks.AppendJSON(b, c.Table, c.Key, c.Table.Keys), `,"deleted":true`...)
	}
	w.message = append(b, '}')
}

// room makes a new call where this one could not take so many keys more.
func (w *writing) room(ctx context.Context, n int) error {
	if len(w.keys)+n <= maxKeys && len(w.args) <= maxArgs && w.bytes+len(w.message) <= maxBytes {
		return nil
	}
	return w.cut(ctx, false)
}

// cut ends a call, and sends what is ready where that is enough.
func (w *writing) cut(ctx context.Context, last bool) error {
	w.part++
	kind, message := w.kind, ""
	if last {
		kind = w.last
	}
	if w.channel != "" && (w.message != nil || last) {
		message = fmt.Sprintf(`{"epoch":%d,"commit":%d,"watermark":%q,"last":%t,"rows":[%s]}`, w.to.Epoch, w.to.Commit, w.to.Watermark, last, w.message)
	}
	copy(w.args, []any{
		kind, w.s.writer, w.to.Epoch, w.after, w.to.Commit, int64(w.to.Watermark), w.part,
		int64(w.s.now()), w.s.cfg.layout(), w.channel, message,
	})
	w.calls = append(w.calls, call{w.keys, w.args})
	w.clear()
	if len(w.calls) < inFlight && !last {
		return nil
	}
	return w.send(ctx)
}

// finish sends the rest. The last call of a batch is made in any case: it moves
// the cursor.
func (w *writing) finish(ctx context.Context) error {
	if w.kind == w.last && len(w.args) == header {
		return w.send(ctx)
	}
	return w.cut(ctx, true)
}

// send makes the calls that are ready, in their order, on one connection.
func (w *writing) send(ctx context.Context) error {
	calls := w.calls
	w.calls = w.calls[:0]
	for len(calls) > 0 {
		pipe := w.s.client.Pipeline()
		answers := make([]*redis.Cmd, len(calls))
		for i, c := range calls {
			answers[i] = pipe.EvalSha(ctx, script.Hash(), c.keys, c.args...)
		}
		_, _ = pipe.Exec(ctx) // every answer is looked at
		done := 0
		for i, a := range answers {
			text, err := a.Text()
			if redis.HasErrorPrefix(err, "NOSCRIPT") {
				text, err = script.Eval(ctx, w.s.client, calls[i].keys, calls[i].args...).Text()
				if err = w.s.judge(text, err); err != nil {
					return err
				}
				done = i + 1
				break // those after it were refused as well
			}
			if err := w.s.judge(text, err); err != nil {
				return err
			}
			done = i + 1
		}
		calls = calls[done:]
	}
	return nil
}

// judge turns the answer to a call into an error. After any the sink has to ask
// for the cursor again: another call may still be on its way.
func (s *Sink) judge(answer string, err error) error {
	if err == nil {
		err = said(answer)
	}
	if err != nil {
		s.writer = ""
	}
	return explained(err)
}

// run makes one call without operations.
func (s *Sink) run(ctx context.Context, kind string, to sinks.Progress, message string) error {
	channel := ""
	if s.cfg.Publish {
		channel = s.keys.channel
	}
	text, err := script.Run(ctx, s.client, []string{s.keys.cursor}, kind, s.writer, to.Epoch, "", to.Commit, int64(to.Watermark), 0,
		int64(s.now()), s.cfg.layout(), channel, message).Text()
	return s.judge(text, err)
}
