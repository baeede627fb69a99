package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// fakeView holds rows in memory and answers as the engine must, the slow and
// obvious way.
type fakeView struct {
	mu      sync.Mutex
	rows    map[*table.Table][]table.Row
	status  Status
	changed chan struct{}
	explain map[string]*Explanation
	changes []Window // of every row, in the order in which they came
	forget  bool     // the next question for changes is too late
	fail    error    // of every read
	panics  bool
}

func newFakeView() *fakeView {
	return &fakeView{
		rows: map[*table.Table][]table.Row{}, changed: make(chan struct{}), explain: map[string]*Explanation{},
		status: Status{Ready: true, Watermark: event.NoTime, Version: "test"},
	}
}

var _ View = (*fakeView)(nil)

// put adds a row by the values of its columns in order; text, int or times.
func (v *fakeView) put(t *table.Table, cells ...any) {
	if len(cells) != len(t.Columns) {
		panic("BUG: a row of " + t.Name + " with the wrong number of cells")
	}
	row := make(table.Row, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case string:
			row[i] = table.T(c)
			if t.Columns[i].Type == table.Time {
				row[i] = table.At(ms(c))
			}
		case int:
			row[i] = table.I(int64(c))
		case int64:
			row[i] = table.I(c)
		case event.Millis:
			row[i] = table.At(c)
		case []string:
			row[i] = table.L(c)
		default:
			panic("BUG: a cell of another type")
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rows[t] = append(v.rows[t], row)
	if row[0].Int != 0 {
		v.changes = append(v.changes, Window{t, event.Millis(row[0].Int)})
	}
}

// remove takes rows away.
func (v *fakeView) remove(t *table.Table, which func(table.Row) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var kept []table.Row
	for _, r := range v.rows[t] {
		if which(r) {
			v.changes = append(v.changes, Window{t, event.Millis(r[0].Int)})
		} else {
			kept = append(kept, r)
		}
	}
	v.rows[t] = kept
}

// compact leaves of several rows with one key the last.
func (v *fakeView) compact(t *table.Table) {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.SortStableFunc(v.rows[t], t.Compare)
	var kept []table.Row
	for i, r := range v.rows[t] {
		if i+1 == len(v.rows[t]) || t.Compare(r, v.rows[t][i+1]) != 0 {
			kept = append(kept, r)
		}
	}
	v.rows[t] = kept
}

func (v *fakeView) tick() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status.Commit++
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *fakeView) all(t *table.Table) []table.Row {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.rows[t])
}

func (v *fakeView) timeOf(t *table.Table, r table.Row) (event.Millis, bool) {
	switch t {
	case table.DeadLetters:
		return 0, false
	case table.Sessions:
		return event.Millis(r[t.Col("end")].Int), true
	case table.Credits:
		for _, c := range v.all(table.Conversions) {
			if c[0].Text == r[0].Text {
				return event.Millis(c[table.Conversions.Col("event_time")].Int), true
			}
		}
		panic("BUG: a credit without its conversion")
	}
	for i, c := range t.Columns {
		if c.Type == table.Time {
			return event.Millis(r[i].Int), true
		}
	}
	return 0, false
}

func (v *fakeView) Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error {
	if v.panics {
		panic("the fake was told to")
	}
	if v.fail != nil {
		return v.fail
	}
	rows := v.all(t)
	if strings.HasPrefix(t.Name, "minute_") || strings.HasPrefix(t.Name, "hour_") {
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b table.Row) int { return cmp.Compare(a[0].Int, b[0].Int) })
	}
	for _, r := range rows {
		if at, ok := v.timeOf(t, r); ok && (at < from || at >= to) {
			continue
		}
		// The row is the callback's only until it returns: prove that nobody keeps it.
		lent := slices.Clone(r)
		err := fn(lent)
		clear(lent)
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (v *fakeView) ScanModel(ctx context.Context, t *table.Table, model string, from, to event.Millis, fn func(table.Row) error) error {
	return v.Scan(ctx, t, from, to, func(r table.Row) error {
		if r[1].Text != model {
			return nil
		}
		return fn(r)
	})
}

// Changes knows of every row that was put since; the cursor is how many there
// were.
func (v *fakeView) Changes(after Cursor) ([]Window, Cursor, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n, known := after.(int)
	if v.forget {
		v.forget, known = false, false
	}
	next := Cursor(len(v.changes))
	if !known {
		return nil, next, false
	}
	return slices.Clone(v.changes[n:]), next, true
}

func (v *fakeView) Paths(ctx context.Context, model string, from, to event.Millis, fn func(*Path) error) error {
	return v.Scan(ctx, table.Conversions, from, to, func(r table.Row) error { return fn(v.path(r, model)) })
}

func (v *fakeView) PathOf(_ context.Context, id, model string) (*Path, error) {
	for _, r := range v.all(table.Conversions) {
		if r[0].Text == id {
			return v.path(r, model), v.fail
		}
	}
	return nil, v.fail
}

// path spells the touches by the linear model, which credits each of them.
func (v *fakeView) path(r table.Row, model string) *Path {
	p := &Path{Conversion: slices.Clone(r), Counted: r[table.Conversions.Col("verdict")].Text == "valid" && r[table.Conversions.Col("adjusted")].Text != "retracted"}
	for _, m := range []string{"linear", model} {
		for _, c := range v.all(table.Credits) {
			position := int(c[2].Int)
			if c[0].Text != r[0].Text || c[crdModel].Text != m || position == 0 {
				continue
			}
			for len(p.Touches) < position {
				p.Touches = append(p.Touches, PathTouch{})
			}
			t := &p.Touches[position-1]
			*t = PathTouch{Time: event.Millis(c[crdTime].Int), Campaign: c[crdCampaign].Text, Channel: c[crdChannel].Text}
			if m == model {
				t.CreditPPM, t.Value = c[crdPPM].Int, event.Micros(c[crdPPM+1].Int)
			}
		}
	}
	return p
}

func (v *fakeView) List(ctx context.Context, t *table.Table, after table.Row, _, _ event.Millis, fn func(table.Row) (bool, error)) error {
	if v.fail != nil {
		return v.fail
	}
	columns, down := ListOrder(t)
	compare := func(a, b table.Row) int {
		for _, name := range columns {
			c := t.Col(name)
			d := strings.Compare(a[c].Text, b[c].Text)
			if t.Columns[c].Type != table.Text {
				d = int(min(1, max(-1, a[c].Int-b[c].Int)))
			}
			if down {
				d = -d
			}
			if d != 0 {
				return d
			}
		}
		return 0
	}
	rows := v.all(t)
	slices.SortFunc(rows, compare)
	for _, r := range rows {
		if after != nil && compare(r, after) <= 0 {
			continue
		}
		lent := slices.Clone(r)
		more, err := fn(lent)
		clear(lent)
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

func (v *fakeView) Find(_ context.Context, t *table.Table, prefix table.Row, limit int) ([]table.Row, error) {
	if v.fail != nil {
		return nil, v.fail
	}
	var out []table.Row
	for _, r := range v.all(t) {
		if r[0].Text == prefix[0].Text && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, nil
}

func (v *fakeView) Explain(_ context.Context, id string) (*Explanation, bool, error) {
	x, ok := v.explain[id]
	return x, ok, v.fail
}

func (v *fakeView) Status() Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.status
}

func (v *fakeView) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// fakeCollector remembers what it was given.
type fakeCollector struct {
	request string
	records []string
	calls   int
	result  CollectResult
	err     error
}

func (c *fakeCollector) Collect(_ context.Context, request string, records [][]byte) (CollectResult, error) {
	c.calls++
	c.request, c.records = request, nil
	for _, r := range records {
		c.records = append(c.records, string(r))
	}
	if c.err == nil && c.result.Accepted == 0 && c.result.Rejected == nil {
		return CollectResult{Accepted: len(records)}, nil
	}
	return c.result, c.err
}

func ms(s string) event.Millis {
	t, err := parseTime("test", s, 0)
	if err != nil {
		panic(err)
	}
	return t
}
