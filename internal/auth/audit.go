package auth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Entry is one line of the audit log: who changed or took out what. It never
// holds a key, a person's id, or anything else that the log must not keep.
type Entry struct {
	Time    time.Time      `json:"time"`
	Action  string         `json:"action"` // such as key.create, login, export, erase
	Actor   string         `json:"actor"`  // id of a key or login; "local" for a command on the directory
	Name    string         `json:"name,omitempty"`
	Address string         `json:"address,omitempty"`
	Request string         `json:"request_id,omitempty"`
	Result  string         `json:"result"` // ok, refused, failed
	Detail  map[string]any `json:"detail,omitempty"`
}

// Audit appends to the audit log. Any goroutine may use it.
type Audit struct {
	path string
	log  *slog.Logger
	mu   sync.Mutex
}

// OpenAudit prepares the log; log is told where a line cannot be written.
func OpenAudit(path string, log *slog.Logger) *Audit { return &Audit{path: path, log: log} }

// Path is where the log lies.
func (a *Audit) Path() string { return a.path }

// Write appends one line and syncs it. The file is opened each time, so that it
// may be rotated away, and appended to by several processes.
func (a *Audit) Write(e Entry) error {
	if a == nil {
		return nil
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an audit entry: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.append(append(b, '\n'))
	if err != nil && a.log != nil {
		a.log.Error("the audit log cannot be written", slog.String("action", e.Action), slog.String("actor", e.Actor), slog.Any("err", err))
	}
	return err
}

func (a *Audit) append(line []byte) error {
	if err := os.MkdirAll(filepath.Dir(a.path), 0o755); err != nil {
		return fmt.Errorf("make a place for the audit log: %w", err)
	}
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	_, err = f.Write(line)
	for _, e := range []error{err, f.Sync(), f.Close()} {
		if e != nil {
			return fmt.Errorf("write the audit log: %w", e)
		}
	}
	return nil
}
