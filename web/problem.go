package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// problem is an error answer, RFC 9457. The code is stable; the other words
// are for people and may change.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Code      string   `json:"code"`
	Detail    string   `json:"detail,omitempty"`
	Parameter string   `json:"parameter,omitempty"`
	Accepted  []string `json:"accepted,omitempty"`
	RequestID string   `json:"request_id,omitempty"`

	header     http.Header
	retryAfter time.Duration
}

// Error makes a problem an error, so that handlers return it.
func (p *problem) Error() string { return p.Code + ": " + p.Detail }

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func badParameter(name, detail string, accepted ...string) *problem {
	p := newProblem(http.StatusBadRequest, "bad_parameter", detail)
	p.Parameter, p.Accepted = name, accepted
	return p
}

func notFound(detail string) *problem {
	return newProblem(http.StatusNotFound, "not_found", detail)
}

func (p *problem) after(d time.Duration) *problem {
	p.retryAfter = d
	return p
}

func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	out := *p
	out.RequestID = w.Header().Get(requestIDHeader)
	body, err := json.Marshal(&out)
	if err != nil {
		panic("BUG: a problem does not marshal: " + err.Error())
	}
	h := w.Header()
	for k, v := range p.header {
		h[k] = v
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n'))
	}
}
