package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tributary-data/tributary/configs/check"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/kafkaconn"
	"github.com/tributary-data/tributary/internal/testkit"
)

// site is a real broker with a ledger of its own.
type site struct {
	*bench
	k *testkit.Kafka
}

// newSite gives each test topics of its own; the broker is shared.
func newSite(t *testing.T, k *testkit.Kafka) *site {
	t.Helper()
	b := &bench{t: t, ledger: newLedger(), log: &logBuffer{}}
	b.dial = k.Brokers
	b.cl = b.client()
	t.Cleanup(b.cl.Close)
	b.adm = kadm.NewClient(b.cl)
	b.cfg = DefaultConfig()
	b.cfg.Brokers = k.Brokers
	name := "clicks-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	b.cfg.Topics = []string{name}
	b.cfg.Group = name
	return &site{b, k}
}

func (s *site) name() string        { return s.cfg.Topics[0] }
func (s *site) in(n int) string     { return fmt.Sprintf("%s/%d", s.name(), n) }
func (s *site) send(ids ...string)  { s.t.Helper(); s.produce(s.name(), 0, ids...) }
func (s *site) holds(ids ...string) { s.t.Helper(); s.has(s.in(0), ids...) }

// TestRealKafka runs the cases against Apache Kafka.
func TestRealKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	k := testkit.StartKafka(t)
	t.Run("formats and compression", func(t *testing.T) { realFormats(t, k) })
	t.Run("security", func(t *testing.T) { realSecurity(t, k) })
	t.Run("transactions", func(t *testing.T) { realTransactions(t, k) })
	t.Run("losses", func(t *testing.T) { realLosses(t, k) })
	t.Run("compacted", func(t *testing.T) { realCompacted(t, k) })
	t.Run("authorization", func(t *testing.T) { realAuthorization(t, k) })
	t.Run("history", func(t *testing.T) { realHistory(t, k) })
	t.Run("verify", func(t *testing.T) { realVerify(t, k) })
	t.Run("broker killed", func(t *testing.T) { realKill(t, k) })
}

func realFormats(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	reg := testkit.StartRegistry(t, testkit.RegistryOptions{Username: "u", Password: "p", TLS: true})
	s.cfg.SchemaRegistry = SchemaRegistry{URL: reg.URL, Username: "u", Password: "p", TLS: kafkaconn.TLS{CAFile: reg.Certs.CA}}
	text := `{"type":"record","name":"C","fields":[{"name":"event_id","type":"string"},{"name":"event_time","type":"long"}]}`
	id := reg.Register("x-value", sr.Schema{Schema: text})
	schema := avro.MustParse(text)
	s.topic(s.name(), 1)
	var want []string
	for i, c := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		cl := s.client(kgo.ProducerBatchCompression(c))
		for j := range 10 {
			name := fmt.Sprintf("%d-%d", i, j)
			want = append(want, name)
			value := []byte(click(name))
			if j%2 == 1 {
				payload, err := avro.Marshal(schema, map[string]any{"event_id": name, "event_time": time.Now().UnixMilli()})
				if err != nil {
					t.Fatal(err)
				}
				value = wireOf(id, nil, payload)
			}
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: s.name(), Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		cl.Close()
	}
	_, stop := s.start()
	defer stop()
	s.holds(want...)
}

func realSecurity(t *testing.T, k *testkit.Kafka) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// An unsecured token, as RFC 7515 has them without a signature.
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	token := part(map[string]string{"alg": "none"}) + "." + part(map[string]any{"sub": testkit.KafkaUser, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}) + "."
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != "app" || secret != "s3cret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"access_token": token})
	}))
	defer tokens.Close()
	password := check.Secret(testkit.KafkaPassword)
	ca := kafkaconn.TLS{CAFile: k.Certs.CA}
	for name, set := range map[string]func(c *Config){
		"mtls": func(c *Config) {
			c.Brokers, c.SecurityProtocol = k.TLS, "SSL"
			c.TLS = kafkaconn.TLS{CAFile: k.Certs.CA, CertFile: k.Certs.ClientCert, KeyFile: k.Certs.ClientKey}
		},
		"plain over tls": func(c *Config) {
			c.Brokers, c.SecurityProtocol, c.TLS = k.SASLTLS, kafkaconn.SASLSSL, ca
			c.SASL = kafkaconn.SASL{Mechanism: "PLAIN", Username: testkit.KafkaUser, PasswordFile: file("password", testkit.KafkaPassword+"\n")}
		},
		"scram 256": func(c *Config) {
			c.Brokers, c.SecurityProtocol = k.SASL, "SASL_PLAINTEXT"
			c.SASL = kafkaconn.SASL{Mechanism: "scram-sha-256", Username: testkit.KafkaUser, Password: password}
		},
		"scram 512 over tls": func(c *Config) {
			c.Brokers, c.SecurityProtocol, c.TLS = k.SASLTLS, kafkaconn.SASLSSL, ca
			c.SASL = kafkaconn.SASL{Mechanism: "SCRAM-SHA-512", Username: testkit.KafkaUser, Password: password}
		},
		"oauthbearer": func(c *Config) {
			c.Brokers, c.SecurityProtocol = k.SASL, kafkaconn.SASLPlaintext
			c.SASL = kafkaconn.SASL{Mechanism: "OAUTHBEARER", TokenFile: file("token", token)}
		},
		"oauthbearer by endpoint": func(c *Config) {
			c.Brokers, c.SecurityProtocol = k.SASL, kafkaconn.SASLPlaintext
			c.SASL = kafkaconn.SASL{Mechanism: "OAUTHBEARER", TokenURL: tokens.URL, ClientID: "app", ClientSecret: "s3cret", Scope: "kafka"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, k)
			s.topic(s.name(), 1)
			s.send("one", "two")
			set(&s.cfg)
			if faults := s.cfg.Validate(); len(faults) > 0 {
				t.Fatal(faults)
			}
			_, stop := s.start()
			defer stop()
			s.holds("one", "two")
		})
	}
	for name, c := range map[string]struct {
		set  func(c *Config)
		says string
	}{
		"wrong password": {func(c *Config) {
			c.Brokers, c.SecurityProtocol = k.SASL, kafkaconn.SASLPlaintext
			c.SASL = kafkaconn.SASL{Mechanism: "SCRAM-SHA-256", Username: testkit.KafkaUser, Password: "wrong-one"}
		}, "refuse the credentials of user " + testkit.KafkaUser},
		"no client certificate": {func(c *Config) { c.Brokers, c.SecurityProtocol, c.TLS = k.TLS, kafkaconn.SSL, ca }, "cert_file and key_file"},
		"unknown authority":     {func(c *Config) { c.Brokers, c.SecurityProtocol = k.SASLTLS, kafkaconn.SSL }, "kafka.tls.ca_file"},
		"tls to a plain port":   {func(c *Config) { c.Brokers, c.SecurityProtocol, c.TLS = k.Brokers, kafkaconn.SSL, ca }, "security_protocol"},
		"plain to a tls port":   {func(c *Config) { c.Brokers = k.TLS }, "security_protocol"},
		"no sasl":               {func(c *Config) { c.Brokers = k.SASL }, "security_protocol"},
		"nobody there":          {func(c *Config) { c.Brokers = []string{"127.0.0.1:1"} }, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, k)
			s.cfg.RequestTimeout = event.Duration(3 * event.Second)
			c.set(&s.cfg)
			src, stop := s.start()
			defer stop()
			// On a busy machine a handshake may run out of time before.
			s.until("it says "+c.says, func() bool {
				p := src.Status().Problems
				return len(p) > 0 && strings.Contains(p[0], c.says)
			})
			if text := s.log.String(); strings.Contains(text, "wrong-one") {
				t.Errorf("the log holds the password:\n%s", text)
			}
			if s.ledger.look(s.in(0)).atEnd {
				t.Error("what cannot be asked is at its end")
			}
		})
	}
}

func realTransactions(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	s.topic(s.name(), 1)
	_, stop := s.start()
	defer stop()
	cl := s.client(kgo.TransactionalID(s.name()))
	defer cl.Close()
	for _, x := range []struct {
		id  string
		how kgo.TransactionEndTry
	}{{"a", kgo.TryCommit}, {"aborted", kgo.TryAbort}, {"b", kgo.TryCommit}, {"aborted", kgo.TryAbort}} {
		if err := errors.Join(cl.BeginTransaction(), cl.ProduceSync(t.Context(), &kgo.Record{Topic: s.name(), Value: []byte(click(x.id))}).FirstErr(), cl.EndTransaction(t.Context(), x.how)); err != nil {
			t.Fatal(err)
		}
	}
	s.holds("a", "b")
	s.until("the end is seen behind the markers", func() bool { return s.ledger.look(s.in(0)).atEnd })
}

func realLosses(t *testing.T, k *testkit.Kafka) {
	for _, policy := range []string{stop, earliest, latest} {
		for _, kind := range []lossKind{outOfRange, recreated} {
			t.Run(policy+"/"+string(kind), func(t *testing.T) {
				s := newSite(t, k)
				s.cfg.OnDataLoss = policy
				s.topic(s.name(), 1)
				s.send(numbered("a", 0, 10)...)
				_, halt := s.start()
				s.holds(numbered("a", 0, 10)...)
				halt()
				if kind == recreated {
					s.deleteTopic(s.name())
					s.until("the topic can be made anew", func() bool {
						r, err := s.adm.CreateTopic(t.Context(), 1, 1, nil, s.name())
						return errors.Join(err, r.Err) == nil
					})
				} else {
					s.send("lost")
					s.trim(s.name(), 0, 11)
				}
				s.send("n0", "n1")
				src, halt := s.start()
				defer halt()
				want := numbered("a", 0, 10)
				switch policy {
				case stop:
					s.until("it is said", func() bool { return strings.Contains(s.ledger.look(s.in(0)).problem, "--on-data-loss") })
				case earliest:
					want = append(want, "n0", "n1")
					s.holds(want...)
				case latest:
					s.until("it goes on", func() bool { return s.ledger.look(s.in(0)).atEnd && src.Status().Losses[string(kind)] == 1 })
					s.send("n2")
					want = append(want, "n2")
				}
				s.holds(want...)
				if n := src.Status().Losses[string(kind)]; n != 1 {
					t.Errorf("%d losses are counted", n)
				}
			})
		}
	}
}

// realCompacted: the last records of a compacted log are gone; its end is known
// all the same.
func realCompacted(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	on := func(v string) *string { return &v }
	r, err := s.adm.CreateTopic(t.Context(), 1, 1, map[string]*string{
		"cleanup.policy": on("compact"), "segment.ms": on("100"), "min.cleanable.dirty.ratio": on("0.01"), "delete.retention.ms": on("0"), "min.compaction.lag.ms": on("0"), "max.compaction.lag.ms": on("100"),
	}, s.name())
	if err := errors.Join(err, r.Err); err != nil {
		t.Fatal(err)
	}
	put := func(key string, value []byte) {
		t.Helper()
		if err := s.cl.ProduceSync(t.Context(), &kgo.Record{Topic: s.name(), Key: []byte(key), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	put("k", []byte(click("a")))
	put("k", nil) // a tombstone
	put("l", []byte(click("b")))
	src, stop := s.start()
	defer stop()
	s.until("b comes", func() bool { ids := s.ledger.ids(s.in(0)); return len(ids) > 0 && ids[len(ids)-1] == "b" })
	s.until("the end is seen", func() bool { return s.ledger.look(s.in(0)).atEnd })
	if st := src.Status(); st.Partitions[0].Skipped > 1 {
		t.Errorf("%d tombstones are counted", st.Partitions[0].Skipped)
	}
}

func realAuthorization(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	s.topic(s.name(), 1)
	s.send("a")
	s.cfg.Brokers, s.cfg.SecurityProtocol = k.SASL, kafkaconn.SASLPlaintext
	s.cfg.SASL = kafkaconn.SASL{Mechanism: "PLAIN", Username: testkit.KafkaUser, Password: testkit.KafkaPassword}
	src, stop := s.start()
	defer stop()
	s.holds("a")
	deny := kadm.NewACLs().Topics(s.name()).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll).Deny("User:" + testkit.KafkaUser).DenyHosts("*")
	if r, err := s.adm.CreateACLs(t.Context(), deny); err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	s.send("b")
	s.until("it is said", func() bool {
		return strings.Contains(s.ledger.look(s.in(0)).problem, "user "+testkit.KafkaUser+" may not read topic "+s.name())
	})
	if s.ledger.look(s.in(0)).atEnd {
		t.Error("a partition that may not be read is at its end")
	}
	if r, err := s.adm.DeleteACLs(t.Context(), deny); err != nil || r[0].Err != nil {
		t.Fatal(err, r)
	}
	s.holds("a", "b")
	s.until("all is well", func() bool { return len(src.Status().Problems) == 0 })
}

func realHistory(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	s.topic(s.name(), 2)
	at := func(n int32, id string, when time.Time) {
		t.Helper()
		if err := s.cl.ProduceSync(t.Context(), &kgo.Record{Topic: s.name(), Partition: n, Value: []byte(click(id)), Timestamp: when}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 30 {
		at(int32(i%2), fmt.Sprintf("e%02d", i), start.Add(time.Duration(i)*time.Minute))
	}
	got := s.readHistory(Range{From: event.Millis(start.Add(10 * time.Minute).UnixMilli()), To: event.Millis(start.Add(20 * time.Minute).UnixMilli())})
	if want := []string{"e10", "e12", "e14", "e16", "e18"}; !slices.Equal(got[s.in(0)], want) || len(got[s.in(1)]) != 5 {
		t.Errorf("the range holds %v", got)
	}
	if all := s.readHistory(Range{From: event.NoTime, To: event.NoTime}); len(all[s.in(0)]) != 15 || len(all[s.in(1)]) != 15 {
		t.Errorf("the whole holds %v", all)
	}
}

func realVerify(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	s.topic(s.name(), 3)
	s.send("a", "b")
	reg := testkit.StartRegistry(t, testkit.RegistryOptions{})
	s.cfg.SchemaRegistry.URL = reg.URL
	s.cfg.RequestTimeout = event.Duration(2 * event.Minute)
	for _, f := range Verify(t.Context(), s.cfg, Surroundings{}) {
		if !f.OK {
			t.Errorf("%s: %s", f.What, f.Says)
		}
	}
	s.cfg.Topics = append(s.cfg.Topics, "missing")
	reg.Fail(http.StatusBadGateway)
	var missing, away bool
	for _, f := range Verify(t.Context(), s.cfg, Surroundings{}) {
		missing = missing || f.What == "topic missing" && !f.OK && strings.Contains(f.Says, "does not exist")
		away = away || strings.HasPrefix(f.What, "schema registry") && f.Unreachable
	}
	if !missing || !away {
		t.Errorf("missing topic found %v, registry away found %v", missing, away)
	}
}

// realKill: the broker is killed and started again while records come.
func realKill(t *testing.T, k *testkit.Kafka) {
	s := newSite(t, k)
	s.topic(s.name(), 2)
	_, stop := s.start()
	defer stop()
	sent := make(chan struct{})
	var want []string
	cl := s.client(kgo.RecordRetries(1<<30), kgo.RecordDeliveryTimeout(5*time.Minute))
	defer cl.Close()
	go func() {
		defer close(sent)
		for _, id := range numbered("a", 0, 3000) {
			if err := cl.ProduceSync(context.Background(), &kgo.Record{Topic: s.name(), Value: []byte(click(id))}).FirstErr(); err != nil {
				t.Errorf("produce %s: %v", id, err)
				return
			}
		}
	}()
	want = numbered("a", 0, 3000)
	for range 2 {
		n := len(s.ledger.ids(s.in(0)))
		s.until("records come", func() bool { return len(s.ledger.ids(s.in(0))) > n+200 || len(s.ledger.ids(s.in(0))) >= 2900 })
		k.Kill()
		s.until("it is missed", func() bool { return s.ledger.look(s.in(0)).problem != "" })
		k.Start()
	}
	<-sent
	s.holds(want...)
	s.until("all is well", func() bool { return s.ledger.look(s.in(0)).atEnd && s.ledger.look(s.in(1)).atEnd })
}
