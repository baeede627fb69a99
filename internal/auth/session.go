package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// sessions signs what browsers carry. The key lives as long as the process: a
// restart ends all sessions, and no file holds what could forge one.
type sessions struct {
	key [32]byte
	now func() time.Time
}

func newSessions(now func() time.Time) *sessions {
	s := &sessions{now: now}
	_, _ = rand.Read(s.key[:]) // it never fails
	return s
}

// sealed is what a cookie says. Purpose keeps one kind from passing for another.
type sealed struct {
	Purpose string    `json:"p"`
	Expires time.Time `json:"e"`

	KeyID  string `json:"k,omitempty"` // a session begun with a key: its permissions are the key's
	ID     string `json:"i,omitempty"` // a session begun with the identity provider
	Name   string `json:"n,omitempty"`
	Scopes Scope  `json:"s,omitempty"`

	State    string `json:"st,omitempty"` // a login with the identity provider that is under way
	Nonce    string `json:"no,omitempty"`
	Verifier string `json:"v,omitempty"`
	Next     string `json:"x,omitempty"`
}

func (s *sessions) mac(body string) []byte {
	m := hmac.New(sha256.New, s.key[:])
	_, _ = m.Write([]byte(body)) // a hash takes everything
	return m.Sum(nil)
}

func (s *sessions) seal(v *sealed) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: a session does not marshal: " + err.Error())
	}
	body := base64.RawURLEncoding.EncodeToString(b)
	return body + "." + base64.RawURLEncoding.EncodeToString(s.mac(body))
}

// open reads what seal wrote; nil when it is not ours, or too old.
func (s *sessions) open(text, purpose string) *sealed {
	body, sum, ok := strings.Cut(text, ".")
	got, err := base64.RawURLEncoding.DecodeString(sum)
	if !ok || err != nil || !hmac.Equal(got, s.mac(body)) {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil
	}
	var v sealed
	if err := json.Unmarshal(b, &v); err != nil || v.Purpose != purpose || !s.now().Before(v.Expires) {
		return nil
	}
	return &v
}
