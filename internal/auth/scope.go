// Package auth says who may do what: API keys, the sessions that browsers get
// for them, logins with an identity provider, and the audit log. It knows
// nothing of HTTP routes; web asks it and decides what each route needs.
//
// Invariants:
//  1. A key is shown once, when it is made. What is stored is the SHA-256 of
//     256 random bits: the file lets nobody in.
//  2. Whatever cannot be verified is refused; a file that cannot be read lets
//     nobody in that was not in before.
//  3. No key, session or secret stands in a log, an error or the audit log.
//  4. A revoked or expired key is refused within a second, also in the sessions
//     that were begun with it.
package auth

import (
	"fmt"
	"strings"
)

// Scope is a set of permissions.
type Scope uint8

// The permissions. Admin holds all, ReadPII holds Read.
const (
	Read    Scope = 1 << iota // figures; of persons only pseudonyms
	ReadPII                   // persons, payloads of records
	Write                     // send events
	Export                    // whole tables
	Admin                     // keys, erasing, everything else that changes
)

// All is every permission.
const All = Read | ReadPII | Write | Export | Admin

var scopeNames = []string{"read", "read:pii", "write", "export", "admin"}

// ScopeNames are the names of the permissions, weakest first.
func ScopeNames() []string { return append([]string(nil), scopeNames...) }

// ParseScope reads one name.
func ParseScope(name string) (Scope, error) {
	for i, n := range scopeNames {
		if n == name {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("%q is no scope; there are %s", name, strings.Join(scopeNames, ", "))
}

// ParseScopes reads a list of names.
func ParseScopes(names []string) (Scope, error) {
	var s Scope
	for _, n := range names {
		one, err := ParseScope(strings.TrimSpace(n))
		if err != nil {
			return 0, err
		}
		s |= one
	}
	return s, nil
}

// Has says whether s permits all that want asks for.
func (s Scope) Has(want Scope) bool {
	if s&Admin != 0 {
		s = All
	}
	if s&ReadPII != 0 {
		s |= Read
	}
	return s&want == want
}

// Names lists the permissions as they were given.
func (s Scope) Names() []string {
	out := []string{}
	for i, n := range scopeNames {
		if s&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

func (s Scope) String() string { return strings.Join(s.Names(), ",") }

// Principal is somebody who was let in.
type Principal struct {
	ID     string // of the key, or of the login
	Name   string // of the key, or what the identity provider says
	Via    string // "key", "session", "oidc"
	Scopes Scope
}
