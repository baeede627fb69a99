package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Erasure says what was taken out of a person.
type Erasure struct {
	Persons     []string         `json:"persons"` // the person, and all ids linked with it
	Impressions int64            `json:"impressions"`
	Clicks      int64            `json:"clicks"`
	Behavioural int64            `json:"behavioural"`
	Conversions int64            `json:"conversions"`
	Sessions    int64            `json:"sessions"`
	Verdicts    int64            `json:"verdicts"`
	LateEvents  int64            `json:"late_events"`
	DeadLetters int64            `json:"dead_letters"`
	Adjustments int64            `json:"adjustments"`
	References  int64            `json:"references"`
	Value       map[string]Money `json:"value"`  // by currency: what the totals lost
	Commit      uint64           `json:"commit"` // a sink that is there has nothing left
}

// Money is an amount as the API writes it.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// ErrNotErased says that a person cannot be erased now, and why.
var ErrNotErased = errors.New("not erased")

// AllowErase lets those with the scope admin erase persons. It is called before
// Serve.
func (s *Server) AllowErase(fn func(ctx context.Context, person string) (*Erasure, error)) {
	s.erasing = fn
}

// maxPersonBody bounds the body of an erasure: a name and an id.
const maxPersonBody = 4 << 10

// erase takes everything of a person out, and answers when that is durable.
func (s *Server) erase(w http.ResponseWriter, r *http.Request) {
	var in struct{ Person string }
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPersonBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || !isPerson(in.Person) {
		newProblem(http.StatusBadRequest, "bad_person", `the body must be {"person":"u:ID"} for a user, or {"person":"a:ID"} for an anonymous id`).write(w, r)
		return
	}
	if s.erasing == nil {
		newProblem(http.StatusServiceUnavailable, "not_possible", "this server cannot erase; use 'tributary privacy erase' on the directory").write(w, r)
		return
	}
	// It reads everything, which may take longer than any answer.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{})
	_ = control.SetReadDeadline(time.Time{})
	x, err := s.erasing(r.Context(), in.Person)
	who := map[string]any{}
	if s.door != nil { // the audit log must not name whom nothing else names any more
		who["person"] = s.door.Keys.Pseudonym(in.Person)
	}
	if err != nil {
		s.audit(r, "erase", "failed", who)
		if errors.Is(err, ErrNotErased) {
			err = newProblem(http.StatusConflict, "not_erased", err.Error()).after(time.Minute)
		}
		s.fail(r.Context(), w, r, err)
		return
	}
	who["conversions"], who["impressions"], who["clicks"], who["commit"] = x.Conversions, x.Impressions, x.Clicks, x.Commit
	s.audit(r, "erase", "ok", who)
	body, err := json.Marshal(map[string]any{"data": x})
	if err != nil {
		panic("BUG: an erasure does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	send(w, r, http.StatusOK, append(body, '\n'))
}

func isPerson(p string) bool {
	return len(p) > 2 && len(p) <= 2+256 && (strings.HasPrefix(p, "u:") || strings.HasPrefix(p, "a:"))
}
