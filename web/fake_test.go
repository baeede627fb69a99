package web

import (
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
	fail    error // of every read
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
	for _, r := range v.all(t) {
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
