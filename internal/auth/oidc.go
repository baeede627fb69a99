package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// provider logs people in with an identity provider. What it publishes is
// fetched at the first login, so that its absence does not keep the program
// from starting.
type provider struct {
	cfg    OIDC
	client *http.Client
	mu     struct {
		sync.Mutex
		oauth    *oauth2.Config
		verifier *oidc.IDTokenVerifier
	}
}

// providerTimeout bounds each request to the identity provider.
const providerTimeout = 10 * time.Second

// loginTime is how long a login may take from its first page to its last.
const loginTime = 10 * time.Minute

func newProvider(cfg OIDC) *provider {
	return &provider{cfg: cfg, client: &http.Client{Timeout: providerTimeout}}
}

// ErrNotAllowed says that the provider knows somebody who has no permission here.
var ErrNotAllowed = errors.New("the login is known, but neither its domain nor its groups are allowed here")

func (p *provider) discover(ctx context.Context) (*oauth2.Config, *oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.oauth != nil {
		return p.mu.oauth, p.mu.verifier, nil
	}
	secret, err := p.cfg.secret()
	if err != nil {
		return nil, nil, err
	}
	// The keys of the provider are fetched later with the context given here,
	// which must outlive the request.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.cfg.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("ask the identity provider: %w", err)
	}
	p.mu.oauth = &oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: secret, Endpoint: found.Endpoint(), RedirectURL: p.cfg.RedirectURL,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
	p.mu.verifier = found.Verifier(&oidc.Config{ClientID: p.cfg.ClientID})
	return p.mu.oauth, p.mu.verifier, nil
}

// begin gives the address to send the browser to, and what it must carry until
// it comes back.
func (p *provider) begin(ctx context.Context, next string, now time.Time) (url string, s *sealed, err error) {
	oauth, _, err := p.discover(ctx)
	if err != nil {
		return "", nil, err
	}
	s = &sealed{
		Purpose: "login", Expires: now.Add(loginTime), State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next,
	}
	return oauth.AuthCodeURL(s.State, oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)), s, nil
}

// finish takes the code that the browser came back with.
func (p *provider) finish(ctx context.Context, s *sealed, state, code string) (Principal, error) {
	if s == nil || subtle.ConstantTimeCompare([]byte(state), []byte(s.State)) != 1 {
		return Principal{}, errors.New("the login was not begun in this browser, or took too long; begin it again")
	}
	oauth, verifier, err := p.discover(ctx)
	if err != nil {
		return Principal{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := oauth.Exchange(ctx, code, oauth2.VerifierOption(s.Verifier))
	if err != nil {
		return Principal{}, errors.New("the identity provider does not take the code of the login; begin it again") // its answer may hold secrets
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Principal{}, fmt.Errorf("the identity provider's token does not hold: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(s.Nonce)) != 1 {
		return Principal{}, errors.New("the identity provider's token is of another login")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return Principal{}, fmt.Errorf("read the identity provider's token: %w", err)
	}
	return p.admit(id.Subject, claims)
}

// admit decides what a login may do. An address counts only when the provider
// has verified it.
func (p *provider) admit(subject string, claims map[string]any) (Principal, error) {
	email, _ := claims["email"].(string)
	verified, _ := claims["email_verified"].(bool)
	_, domain, _ := strings.Cut(email, "@")
	if !verified {
		domain = ""
	}
	var scopes Scope
	allowed := len(p.cfg.AllowedDomains) == 0
	for _, d := range p.cfg.AllowedDomains {
		if domain != "" && strings.EqualFold(d, domain) {
			allowed = true
			scopes, _ = ParseScopes(p.cfg.Scopes) // validated
		}
	}
	if allowed {
		groups, _ := claims[p.cfg.GroupsClaim].([]any)
		for _, g := range p.cfg.Groups {
			if slices.Contains(groups, any(g.Group)) {
				more, _ := ParseScopes(g.Scopes) // validated
				scopes |= more
			}
		}
	}
	name := email
	if name == "" || !verified {
		name = subject
	}
	if !allowed || scopes == 0 {
		return Principal{ID: "oidc:" + subject, Name: name, Via: "oidc"}, ErrNotAllowed
	}
	return Principal{ID: "oidc:" + subject, Name: name, Via: "oidc", Scopes: scopes}, nil
}
