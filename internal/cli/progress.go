package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tributary-data/tributary/event"
)

// progressEvery is how often the line is drawn: often enough to look alive,
// seldom enough not to cost anything.
const progressEvery = 500 * time.Millisecond

// Progress shows how far long work is: rows/s, time left and watermark, on one
// line that is drawn over itself. Anywhere but on a terminal it shows nothing.
// One goroutine draws; any may call Set.
type Progress struct {
	w     io.Writer
	label string
	total int64 // in the unit of done; 0 when unknown
	start time.Time
	now   func() time.Time

	rows, done, watermark atomic.Int64

	stop chan struct{}
	wg   sync.WaitGroup
}

// NewProgress begins to show the work called label. total is the whole of what
// done counts in Set (bytes, mostly), 0 when it is not known. Call Stop.
func NewProgress(env *Env, label string, total int64) *Progress {
	p := &Progress{w: env.Stderr, label: label, total: total, now: time.Now, stop: make(chan struct{})}
	p.start = p.now()
	p.watermark.Store(int64(event.NoTime))
	if isTerminal(env.Stderr) {
		p.wg.Add(1)
		go p.draw()
	}
	return p
}

// Set says how far the work is.
func (p *Progress) Set(rows, done int64, watermark event.Millis) {
	p.rows.Store(rows)
	p.done.Store(done)
	p.watermark.Store(int64(watermark))
}

// Stop wipes the line and waits until nothing is drawn any more.
func (p *Progress) Stop() {
	close(p.stop)
	p.wg.Wait()
}

func (p *Progress) draw() {
	defer p.wg.Done()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			_, _ = io.WriteString(p.w, "\r\x1b[K")
			return
		case <-tick.C:
			_, _ = io.WriteString(p.w, "\r\x1b[K"+p.line())
		}
	}
}

func (p *Progress) line() string {
	elapsed := max(p.now().Sub(p.start), time.Millisecond)
	rows, done, wm := p.rows.Load(), p.done.Load(), event.Millis(p.watermark.Load())
	parts := []string{fmt.Sprintf("%s: %d rows, %.0f rows/s", p.label, rows, float64(rows)/elapsed.Seconds())}
	if p.total > 0 && done > 0 {
		left := time.Duration(float64(elapsed) * float64(max(p.total-done, 0)) / float64(done))
		parts = append(parts, fmt.Sprintf("%.0f %%", min(100, 100*float64(done)/float64(p.total))), "ETA "+left.Round(time.Second).String())
	}
	if wm != event.NoTime && wm != event.EndOfTime {
		parts = append(parts, "watermark "+wm.String())
	}
	return strings.Join(parts, ", ")
}

// isTerminal says whether a person watches w. The null device is a character
// device too, so it is told apart by name.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}
