package kafkaconn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/internal/testkit"
)

// ping connects to brokers, and says whether that goes.
func ping(t *testing.T, s Settings) error {
	t.Helper()
	opts, err := s.Options()
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return cl.Ping(ctx)
}

// TestConnections: TLS is believed when its authority is, SASL takes the file as
// it stands now, and nothing goes on without them.
func TestConnections(t *testing.T) {
	certs := testkit.NewCertificates(t)
	pair, err := tls.LoadX509KeyPair(certs.Server, certs.Server)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(Scram256, "u", "right"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong\n")
	s := Settings{
		Key: "kafka", Brokers: cluster.ListenAddrs(), ClientID: "test", Protocol: "SASL_SSL", Timeout: 30 * time.Second,
		TLS:  TLS{CAFile: certs.CA, ServerName: "127.0.0.1"},
		SASL: SASL{Mechanism: "scram-sha-256", Username: "u", PasswordFile: "password"},
		Path: func(name string) string {
			if filepath.IsAbs(name) {
				return name
			}
			return filepath.Join(dir, name)
		},
	}
	if err := ping(t, s); err == nil {
		t.Error("a wrong password is taken")
	}
	opts, err := s.Options()
	if err != nil {
		t.Fatal(err)
	}
	write("right\n") // after the options were made: it is read for the connection
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil {
		t.Errorf("the right password gives %v", err)
	}
	strange := s
	strange.TLS.CAFile = "" // the system's authorities
	var shake *HandshakeError
	if err := ping(t, strange); !errors.As(err, &shake) {
		t.Errorf("an unknown authority gives %v", err)
	}
	open := s
	open.Protocol, open.Timeout = SASLPlaintext, time.Second
	if err := ping(t, open); err == nil {
		t.Error("a broker with TLS was reached without")
	}
}

// TestFiles: what is wrong with files is said with the key, and secrets are
// looked at when that is asked for.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	empty, text := filepath.Join(dir, "empty"), filepath.Join(dir, "text")
	for path, content := range map[string]string{empty: "\n", text: "no certificate\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, x := range map[string]struct {
		s    Settings
		want string
	}{
		"no authority":          {Settings{Protocol: SSL, TLS: TLS{CAFile: filepath.Join(dir, "none")}}, "here.tls.ca_file: open "},
		"no PEM":                {Settings{Protocol: SSL, TLS: TLS{CAFile: text}}, "here.tls.ca_file: " + text + " holds no certificate in PEM"},
		"no client certificate": {Settings{Protocol: SSL, TLS: TLS{CertFile: text, KeyFile: text}}, "here.tls.cert_file and key_file: "},
		"mechanism":             {Settings{Protocol: SASLSSL, SASL: SASL{Mechanism: "x"}}, `here.sasl.mechanism: "x" is none of`},
		"no password":           {Settings{Protocol: SASLSSL, SASL: SASL{Mechanism: Plain, PasswordFile: filepath.Join(dir, "none")}}, "here.sasl.password_file: open "},
		"empty password":        {Settings{Protocol: SASLSSL, SASL: SASL{Mechanism: Scram512, PasswordFile: empty}}, "here.sasl.password_file: " + empty + " is empty"},
		"no token":              {Settings{Protocol: SASLSSL, SASL: SASL{Mechanism: OAuthBearer, TokenFile: filepath.Join(dir, "none")}}, "here.sasl.token_file: open "},
		"no client secret":      {Settings{Protocol: SASLSSL, SASL: SASL{Mechanism: OAuthBearer, TokenURL: "http://127.0.0.1:1", ClientSecretFile: filepath.Join(dir, "none")}}, "here.sasl.client_secret_file: open "},
	} {
		t.Run(name, func(t *testing.T) {
			x.s.Key = "here"
			_, err := x.s.Options()
			if err == nil {
				err = x.s.CheckSecrets()
			}
			if err == nil || !strings.HasPrefix(err.Error(), x.want) {
				t.Errorf("got %v; want %s...", err, x.want)
			}
		})
	}
	unused := Settings{Protocol: Plaintext, SASL: SASL{Mechanism: Plain, PasswordFile: filepath.Join(dir, "none")}}
	if err := unused.CheckSecrets(); err != nil {
		t.Errorf("a password that is not used is read: %v", err)
	}
}

// TestTokenEndpoint asks for a token by the client credentials grant.
func TestTokenEndpoint(t *testing.T) {
	answer := `{"access_token":"t1"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "app" || secret != "s%3Acret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	defer server.Close()
	ask := func(secret check.Secret) (string, error) {
		s := Settings{Key: "kafka", Timeout: time.Minute, SASL: SASL{TokenURL: server.URL, ClientID: "app", ClientSecret: secret, Scope: "kafka"}}
		return s.token(t.Context())
	}
	if got, err := ask("s:cret"); got != "t1" || err != nil {
		t.Errorf("the token is %q, %v; want t1", got, err)
	}
	if _, err := ask("wrong"); err == nil || !strings.Contains(err.Error(), `status 401, error "invalid_client"`) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong secret gives %v", err)
	}
	answer = `{}`
	if _, err := ask("s:cret"); err == nil || !strings.Contains(err.Error(), "holds no access_token") {
		t.Errorf("no token gives %v", err)
	}
}
