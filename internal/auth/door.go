package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Door decides who comes in. Any goroutine may use it.
type Door struct {
	Keys  *Keys
	Audit *Audit

	ttl      time.Duration
	sessions *sessions
	provider *provider
	log      *slog.Logger
	now      func() time.Time
}

// Open makes the door for a data directory.
func Open(cfg *Config, dir string, log *slog.Logger) (*Door, error) {
	keys, audit := cfg.Paths(dir)
	k, err := OpenKeys(keys)
	if err != nil {
		return nil, err
	}
	d := &Door{Keys: k, Audit: OpenAudit(audit, log), ttl: time.Duration(cfg.Session) * time.Millisecond, log: log, now: time.Now}
	d.sessions = newSessions(func() time.Time { return d.now() })
	if cfg.OIDC != nil {
		d.provider = newProvider(*cfg.OIDC)
	}
	return d, nil
}

// Run writes the times of last use every so often until ctx ends, and says in
// the log when the keys cannot be read.
func (d *Door) Run(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	var said sync.Once
	note := func(err error) {
		if err != nil {
			said.Do(func() {
				d.log.Error("the keys cannot be read or written; those read before stay in force", slog.Any("err", err))
			})
		} else {
			said = sync.Once{}
		}
	}
	for {
		select {
		case <-ctx.Done():
			note(d.Keys.Save(true))
			return
		case <-tick.C:
			note(errors.Join(d.Keys.Save(false), d.Keys.Fault()))
		}
	}
}

// HasOIDC says whether people may log in with an identity provider.
func (d *Door) HasOIDC() bool { return d.provider != nil }

// Lifetime of a session.
func (d *Door) Lifetime() time.Duration { return d.ttl }

// Session gives what a browser carries after p came in.
func (d *Door) Session(p Principal) string {
	s := &sealed{Purpose: "session", Expires: d.now().Add(d.ttl)}
	if p.Via == "key" {
		s.KeyID = p.ID
	} else {
		s.ID, s.Name, s.Scopes = p.ID, p.Name, p.Scopes
	}
	return d.sessions.seal(s)
}

// FromSession reads what Session gave. A session that was begun with a key ends
// with the key.
func (d *Door) FromSession(cookie string) (Principal, bool) {
	s := d.sessions.open(cookie, "session")
	switch {
	case s == nil:
		return Principal{}, false
	case s.KeyID != "":
		p, ok := d.Keys.ByID(s.KeyID)
		p.Via = "session"
		return p, ok
	}
	return Principal{ID: s.ID, Name: s.Name, Via: "oidc", Scopes: s.Scopes}, true
}

// BeginLogin gives the identity provider's address and the cookie of the login.
func (d *Door) BeginLogin(ctx context.Context, next string) (url, cookie string, err error) {
	url, s, err := d.provider.begin(ctx, next, d.now())
	if err != nil {
		return "", "", err
	}
	return url, d.sessions.seal(s), nil
}

// FinishLogin takes what the browser came back with.
func (d *Door) FinishLogin(ctx context.Context, cookie, state, code string) (p Principal, next string, err error) {
	s := d.sessions.open(cookie, "login")
	if p, err = d.provider.finish(ctx, s, state, code); err != nil {
		return p, "", err
	}
	return p, s.Next, nil
}
