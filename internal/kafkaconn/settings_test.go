package kafkaconn

import (
	"fmt"
	"strings"
	"testing"
)

func TestSASLValidate(t *testing.T) {
	plain := SASL{Mechanism: "plain", Username: "u", Password: "p"}
	endpoint := SASL{Mechanism: OAuthBearer, TokenURL: "https://id.example.com/token", ClientID: "app", ClientSecretFile: "f"}
	for name, x := range map[string]struct {
		sasl   SASL
		unused bool
		want   []string // begin the faults
	}{
		"plain":               {sasl: plain},
		"endpoint":            {sasl: endpoint},
		"token":               {sasl: SASL{Mechanism: OAuthBearer, Token: "t"}},
		"none, and unused":    {unused: true},
		"unused":              {sasl: plain, unused: true, want: []string{"sasl.mechanism: is not used"}},
		"no mechanism":        {want: []string{"sasl.mechanism: "}},
		"unknown mechanism":   {sasl: SASL{Mechanism: "GSSAPI"}, want: []string{`sasl.mechanism: is "GSSAPI"`}},
		"nobody":              {sasl: SASL{Mechanism: Scram256}, want: []string{"sasl.username: is missing", "sasl.password: is missing"}},
		"two passwords":       {sasl: SASL{Mechanism: Scram512, Username: "u", Password: "p", PasswordFile: "f"}, want: []string{"sasl.password: and sasl.password_file are both given"}},
		"printed password":    {sasl: SASL{Mechanism: Plain, Username: "u", Password: "***"}, want: []string{"sasl.password: is what config print writes"}},
		"no token":            {sasl: SASL{Mechanism: OAuthBearer}, want: []string{"sasl.token_file: is missing; give token_file, token_endpoint_url or token"}},
		"two tokens":          {sasl: SASL{Mechanism: OAuthBearer, Token: "t", TokenFile: "f"}, want: []string{"sasl.token_file: only one of token, token_file and token_endpoint_url"}},
		"endpoint of nobody":  {sasl: SASL{Mechanism: OAuthBearer, TokenURL: "https://id.example.com"}, want: []string{"sasl.client_id: ", "sasl.client_secret: is missing"}},
		"endpoint of no host": {sasl: SASL{Mechanism: OAuthBearer, TokenURL: "id.example.com", ClientID: "a", ClientSecret: "s"}, want: []string{"sasl.token_endpoint_url: is not a URL"}},
		"secret in the URL":   {sasl: SASL{Mechanism: OAuthBearer, TokenURL: "https://a:s@id.example.com", ClientID: "a", ClientSecret: "s"}, want: []string{"sasl.token_endpoint_url: holds a user name"}},
	} {
		t.Run(name, func(t *testing.T) { says(t, x.sasl.Validate(!x.unused, true), x.want) })
	}
	says(t, SASL{Mechanism: OAuthBearer}.Validate(true, false), []string{"sasl.token_file: is missing; give token_file or token for"})
	says(t, SASL{Mechanism: OAuthBearer, Token: "t", TokenFile: "f"}.Validate(true, false), []string{"sasl.token_file: only one of token and token_file can"})
}

func TestTLSValidate(t *testing.T) {
	const unused = "security_protocol to ssl"
	says(t, TLS{}.Validate("tls", false, unused), nil)
	says(t, TLS{CAFile: "f", CertFile: "c", KeyFile: "k"}.Validate("tls", true, unused), nil)
	says(t, TLS{CAFile: "f"}.Validate("a.tls", false, unused), []string{"a.tls.ca_file: TLS is configured but not used; set security_protocol to ssl, or take a.tls out"})
	says(t, TLS{KeyFile: "k"}.Validate("a.tls", true, unused), []string{"a.tls.cert_file: cert_file and key_file belong together"})
}

func TestProtocols(t *testing.T) {
	for p, want := range map[string][2]bool{
		Plaintext: {}, SSL: {true, false}, SASLPlaintext: {false, true}, SASLSSL: {true, true}, "SASL_SSL": {true, true}, "Ssl": {true, false}, "": {},
	} {
		if got := [2]bool{UsesTLS(p), UsesSASL(p)}; got != want {
			t.Errorf("%q uses TLS, SASL: %v; want %v", p, got, want)
		}
	}
	says(t, CheckProtocol("tls"), []string{"security_protocol: "})
	says(t, CheckProtocol(SASLSSL), nil)
}

// TestSecretsAreNotShown: however settings are printed.
func TestSecretsAreNotShown(t *testing.T) {
	s := Settings{SASL: SASL{Password: "hidden", Token: "hidden", ClientSecret: "hidden"}}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, "hidden") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// says compares faults by how they begin.
func says(t *testing.T, faults []error, want []string) {
	t.Helper()
	ok := len(faults) == len(want)
	for i := range want {
		ok = ok && strings.HasPrefix(faults[i].Error(), want[i])
	}
	if !ok {
		t.Errorf("got %q; want %q", faults, want)
	}
}
