package snowflake

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

func deliveries(from, n int) []sinktest.Put {
	var puts []sinktest.Put
	for i := range n {
		puts = append(puts, sinktest.Put{Table: table.MinuteDelivery, Row: rowstest.Row(table.MinuteDelivery, from+i)})
	}
	return puts
}

// same wants the rows of one table to be those of the source.
func same(t *testing.T, b *testkit.Snowflake, src *sinktest.Source) {
	t.Helper()
	got, want := readBack(t, b)["minute_delivery"], src.Tables()["minute_delivery"]
	if len(got) != len(want) {
		t.Fatalf("%d rows; want %d", len(got), len(want))
	}
	for i := range want {
		if table.MinuteDelivery.Compare(got[i], want[i]) != 0 {
			t.Fatalf("row %d is %v; want %v", i, got[i], want[i])
		}
	}
}

func TestThrottledAndSlowStatements(t *testing.T) {
	b := testkit.NewSnowflake(t)
	s := open(t, config(b))
	src := sinktest.NewSource()
	src.Commit(deliveries(0, 10)...)
	deliver(t, src, s, 100)
	b.Throttle(2)
	b.Later(3)
	src.Commit(deliveries(5, 10)...)
	deliver(t, src, s, 100)
	same(t, b, src)
}

// TestLostAnswerIsNotExecutedTwice: the repeat carries the same request id.
func TestLostAnswerIsNotExecutedTwice(t *testing.T) {
	b := testkit.NewSnowflake(t)
	s := open(t, config(b))
	src := sinktest.NewSource()
	src.Commit(deliveries(0, 10)...)
	deliver(t, src, s, 100)
	b.LoseAfter(1)
	done := make(chan error)
	go func() { done <- s.writeProgress(t.Context()) }()
	testkit.WaitUntil(t, time.Minute, "the answer to be lost", b.Lost)
	b.Heal()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, repeats := b.Counts(); repeats != 1 {
		t.Errorf("%d statements came again with their request id; want 1", repeats)
	}
}

func TestLargeStatementsAreHalved(t *testing.T) {
	b := testkit.NewSnowflake(t)
	s := open(t, config(b))
	src := sinktest.NewSource()
	deliver(t, src, s, 100)
	b.Limit(12_000)
	before, _ := b.Counts()
	src.Commit(deliveries(0, 200)...)
	deliver(t, src, s, 1000)
	same(t, b, src)
	if after, _ := b.Counts(); after-before < 8 {
		t.Errorf("%d statements; want more", after-before)
	}
}

func TestRequestsAreOfBoundedSize(t *testing.T) {
	b := testkit.NewSnowflake(t)
	cfg := config(b)
	cfg.RequestBytes = minRequestBytes
	s := open(t, cfg)
	b.Limit(minRequestBytes + 16<<10) // with the statement around it
	src := sinktest.NewSource()
	src.Commit(deliveries(0, 2000)...)
	deliver(t, src, s, 10_000)
	same(t, b, src)
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	b := testkit.NewSnowflake(t)
	src := sinktest.NewSource()
	src.Commit(deliveries(0, 5)...)
	s := open(t, config(b))
	deliver(t, src, s, 100)
	at, err := s.Cursor(t.Context())
	if err != nil || at.Commit != 1 {
		t.Fatal(at, err)
	}
	b.Mark(1, "older")
	again := open(t, config(b))
	if at, err := again.Cursor(t.Context()); err != nil || at.Epoch != 0 {
		t.Errorf("with new columns it stands at %v: %v", at, err)
	}
	deliver(t, src, again, 100)
	same(t, b, src)
	if at, err := open(t, config(b)).Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("after all was written anew it stands at %v: %v", at, err)
	}
	other := deps
	other.SessionGap *= 2
	views, err := Open(t.Context(), config(b), other)
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	if at, err := views.Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("with other views it stands at %v: %v", at, err)
	}
	b.Mark(2, "newer")
	if _, err := open(t, config(b)).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("tables of a newer release: %v", err)
	}
	b.Reset()
	cfg := config(b)
	cfg.Migrate = false
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "migrate is false") {
		t.Errorf("without migrate: %v", err)
	}
}

func TestWrongKeysSayWhatToDo(t *testing.T) {
	b, other := testkit.NewSnowflake(t), testkit.NewSnowflake(t)
	cfg := config(b)
	cfg.PrivateKeyFile = other.KeyFile
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "RSA_PUBLIC_KEY_FP") {
		t.Errorf("another user's key: %v", err)
	}
	cfg.PrivateKeyFile = filepath.Join(t.TempDir(), "none.p8")
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "private_key_file") {
		t.Errorf("no key: %v", err)
	}
	cfg = config(b)
	cfg.Endpoint = "http://127.0.0.1:1"
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "is the network up") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestKeysOfOpenSSL: keys in all the forms that OpenSSL writes them.
func TestKeysOfOpenSSL(t *testing.T) {
	openssl := testkit.Program(t, "openssl", "openssl")
	b := testkit.NewSnowflake(t)
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"plain":   {"pkcs8", "-topk8", "-nocrypt"},
		"aes256":  {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:open sesame"},
		"aes128":  {"pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-passout", "pass:open sesame"},
		"des3":    {"pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1", "-passout", "pass:open sesame"},
		"pkcs1":   {"rsa", "-traditional"},
		"old":     {"rsa", "-traditional", "-aes128", "-passout", "pass:open sesame"},
		"elsehow": {"pkcs8", "-topk8", "-scrypt", "-passout", "pass:open sesame"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			args = append(args, "-in", b.KeyFile, "-out", file)
			if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			cfg := config(b)
			cfg.PrivateKeyFile, cfg.Passphrase = file, "open sesame"
			_, err := open(t, cfg).Cursor(t.Context())
			if name == "old" || name == "elsehow" {
				if err == nil || !strings.Contains(err.Error(), "openssl pkcs8 -topk8") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if name != "aes256" {
				return
			}
			cfg.Passphrase = "wrong"
			if _, err := loadKey(&cfg); err == nil || !strings.Contains(err.Error(), "passphrase does not open") {
				t.Errorf("with a wrong passphrase: %v", err)
			}
			cfg.Passphrase = ""
			if _, err := loadKey(&cfg); err == nil || !strings.Contains(err.Error(), "passphrase_file") {
				t.Errorf("without a passphrase: %v", err)
			}
			cfg.PassphraseFile = filepath.Join(dir, "pass")
			if err := os.WriteFile(cfg.PassphraseFile, []byte("open sesame\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := loadKey(&cfg); err != nil {
				t.Errorf("with a passphrase file: %v", err)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = parseKey(text, []byte("x"))
	})
}

func TestValidateListsAllFaults(t *testing.T) {
	c := DefaultConfig()
	c.Account, c.Database, c.Endpoint, c.BatchAge, c.Parallel = "https://x", "my db", "nowhere", 0, 99
	c.Passphrase, c.PassphraseFile = "a", "b"
	text := fmt.Sprint(c.Validate())
	for _, key := range []string{"account", "user", "database", "schema", "warehouse", "private_key_file", "passphrase_file", "endpoint", "batch_age", "parallel"} {
		if !strings.Contains(text, key+":") {
			t.Errorf("nothing is said of %s: %s", key, text)
		}
	}
	c.PrivateKey = "topsecret"
	if out := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(out, "topsecret") {
		t.Errorf("the key is shown: %s", out)
	}
	good := config(testkit.NewSnowflake(t))
	if faults := good.Validate(); faults != nil {
		t.Errorf("a good one: %v", faults)
	}
	if got := (Config{Account: "my_org-acc"}).baseURL(); got != "https://my-org-acc.snowflakecomputing.com" {
		t.Errorf("got %s", got)
	}
}

func TestDDLIsWhatIsRun(t *testing.T) {
	all := strings.Join(DDL(config(testkit.NewSnowflake(t)), deps), "\n")
	for _, tab := range table.All {
		if !strings.Contains(all, `"V_`+strings.ToUpper(tab.Name)+`"`) {
			t.Errorf("there is no view of %s", tab.Name)
		}
	}
	if !strings.Contains(all, "CLUSTER BY (TO_DATE(") {
		t.Error("no table is clustered")
	}
}
