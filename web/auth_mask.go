package web

import (
	"context"
	"net/http"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/table"
)

// masking is the view as those see it who may not see persons: pseudonyms that
// stay the same stand for persons, and the bytes of records, which may hold
// anything, are left out. All that answers are made of passes through here, so
// that no handler has to think of it.
type masking struct {
	View
	s *Server
}

// maskedPayload stands where the bytes of a record would.
const maskedPayload = "(needs the scope read:pii)"

func withPrincipal(r *http.Request, p auth.Principal) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
}

// masks says whether answers in ctx hold pseudonyms. What is not a request, such
// as the live feed, which is the same for all, has the fewest permissions.
func (m *masking) masks(ctx context.Context) bool { return !m.s.may(ctx, auth.ReadPII) }

// columns are the places of a table that are masked.
func (m *masking) columns(t *table.Table) (person, payload int) {
	person, payload = -1, -1
	for i, c := range t.Columns {
		switch c.Name {
		case "person":
			person = i
		case "payload":
			payload = i
		}
	}
	return person, payload
}

func (m *masking) row(t *table.Table, r table.Row) {
	person, payload := m.columns(t)
	if person >= 0 && person < len(r) {
		r[person] = table.T(m.person(r[person].Text))
	}
	if payload >= 0 && payload < len(r) {
		r[payload] = table.T(maskedPayload)
	}
	if t == table.DeadLetters && len(r) == len(t.Columns) {
		// What a record has wrong may be quoted from it.
		r[t.Col("message")] = table.T(maskedPayload)
	}
}

func (m *masking) person(id string) string {
	if id == "" {
		return ""
	}
	return m.s.door.Keys.Pseudonym(id)
}

// Scan masks what the view gives.
func (m *masking) Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error {
	if !m.masks(ctx) {
		return m.View.Scan(ctx, t, from, to, fn)
	}
	return m.View.Scan(ctx, t, from, to, func(r table.Row) error {
		m.row(t, r)
		return fn(r)
	})
}

// List masks what the view gives.
func (m *masking) List(ctx context.Context, t *table.Table, after table.Row, from, to event.Millis, fn func(table.Row) (bool, error)) error {
	if !m.masks(ctx) {
		return m.View.List(ctx, t, after, from, to, fn)
	}
	return m.View.List(ctx, t, after, from, to, func(r table.Row) (bool, error) {
		m.row(t, r)
		return fn(r)
	})
}

// Find masks what the view gives.
func (m *masking) Find(ctx context.Context, t *table.Table, prefix table.Row, limit int) ([]table.Row, error) {
	rows, err := m.View.Find(ctx, t, prefix, limit)
	if m.masks(ctx) {
		for _, r := range rows {
			m.row(t, r)
		}
	}
	return rows, err
}

// Paths masks what the view gives.
func (m *masking) Paths(ctx context.Context, model string, from, to event.Millis, fn func(*Path) error) error {
	if !m.masks(ctx) {
		return m.View.Paths(ctx, model, from, to, fn)
	}
	return m.View.Paths(ctx, model, from, to, func(p *Path) error {
		m.row(table.Conversions, p.Conversion)
		return fn(p)
	})
}

// PathOf masks what the view gives.
func (m *masking) PathOf(ctx context.Context, id, model string) (*Path, error) {
	p, err := m.View.PathOf(ctx, id, model)
	if p != nil && m.masks(ctx) {
		m.row(table.Conversions, p.Conversion)
	}
	return p, err
}

// Explain masks what the view gives.
func (m *masking) Explain(ctx context.Context, id string) (*Explanation, bool, error) {
	e, ok, err := m.View.Explain(ctx, id)
	if e == nil || !m.masks(ctx) {
		return e, ok, err
	}
	m.row(table.Conversions, e.Conversion)
	for i := range e.Members {
		e.Members[i].Person = m.person(e.Members[i].Person)
	}
	for i := range e.Candidates {
		e.Candidates[i].Person = m.person(e.Candidates[i].Person)
	}
	return e, ok, err
}
