package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	key := expect(t, ExitOK, "key", "create", "--data", dir, "--name", "shop", "--scope", "write", "--expires", "90d").out
	if !strings.HasPrefix(key, "trb_") {
		t.Fatalf("create prints %q", key)
	}
	list := expect(t, ExitOK, "key", "list", "--data", dir).out
	if !strings.Contains(list, "shop") || strings.Contains(list, strings.TrimSpace(key)) {
		t.Errorf("list prints %s", list)
	}
	if out := expect(t, ExitOK, "key", "list", "--data", dir, "--json").out; strings.Contains(out, `"hash"`) {
		t.Errorf("list prints hashes: %s", out)
	}
	expect(t, ExitUsage, "key", "create", "--data", dir, "--name", "shop", "--scope", "write")
	expect(t, ExitOK, "key", "create", "--data", dir, "--name", "shop", "--scope", "write", "--if-missing")
	out := filepath.Join(t.TempDir(), "k")
	for range 2 { // the second time it is there
		expect(t, ExitOK, "key", "create", "--data", dir, "--name", "prometheus", "--scope", "read", "--out", out, "--if-missing")
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("--out: %v, %v", info, err)
	}
	for _, args := range [][]string{{"--scope", "read"}, {"--name", "x"}, {"--name", "x", "--scope", "root"}, {"--name", "x", "--scope", "read", "--expires", "soon"}} {
		expect(t, ExitUsage, append([]string{"key", "create", "--data", dir}, args...)...)
	}
	expect(t, ExitOK, "key", "revoke", "--data", dir, "shop")
	expect(t, ExitUsage, "key", "revoke", "--data", dir, "shop")
}

func TestServeWantsAuthBeyondLoopback(t *testing.T) {
	got := expect(t, ExitConfig, "serve", "--data", filepath.Join(t.TempDir(), "d"), "--listen", "0.0.0.0:0")
	if !strings.Contains(got.errors, "server.listen") || !strings.Contains(got.errors, "key create") {
		t.Errorf("it says %s; want what to do", got.errors)
	}
	expect(t, ExitConfig, "demo", "--listen", ":0")
}

func TestHealth(t *testing.T) {
	status, body := http.StatusOK, `{"status":"ready"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	expect(t, ExitOK, "health", "--server", s.URL)
	status, body = http.StatusServiceUnavailable, `{"status":"not_ready"}`
	expect(t, ExitFailure, "health", "--server", s.URL)
	body = "hello"
	expect(t, ExitFailure, "health", "--server", s.URL)
	s.Close()
	expect(t, ExitUnreachable, "health", "--server", s.URL)
}

// TestCompletion: each shell that is here reads what is printed for it.
func TestCompletion(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		text := expect(t, ExitOK, "completion", shell).out
		for _, want := range []string{"serve", "key create", "--scope", "privacy erase"} {
			if shell == "fish" {
				want = strings.TrimPrefix(want, "--")
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s: lacks %s", shell, want)
			}
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		file := filepath.Join(t.TempDir(), "c")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, append(check, file)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", shell, err, out)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash to try it with")
	}
	file := filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(file, []byte(expect(t, ExitOK, "completion", "bash").out), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"key cr": "create", "key create --na": "--name", "privacy erase --y": "--yes", "repl": "replay"} {
		words := append([]string{"tributary"}, strings.Fields(line)...)
		script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _tributary; echo "${COMPREPLY[@]}"`
		out, err := exec.Command(bash, append([]string{"-c", script, "x", file}, words...)...).Output()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("bash completes %q with %q, %v; want %s", line, out, err, want)
		}
	}
	expect(t, ExitUsage, "completion", "tcsh")
}

func TestPrivacyEraseAsksFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	for _, args := range [][]string{{"u:1"}, {"--yes"}, {"--yes", "1"}, {"--yes", "u:"}, {"--yes", "u:1", "a:2"}} {
		expect(t, ExitUsage, append([]string{"privacy", "erase", "--data", dir}, args...)...)
	}
	expect(t, ExitFailure, "privacy", "erase", "--data", dir, "--yes", "u:1") // there is no state
}

func TestGenerateLiveFlags(t *testing.T) {
	for _, args := range [][]string{{"--live"}, {"--kafka", "x:1"}, {"--live", "--kafka", "x:1", "--out", "o"}, {"--live", "--kafka", "x:1", "--rate", "0"}, {"--live", "--kafka", "x:1", "--rate", "NaN"}} {
		expect(t, ExitUsage, append([]string{"generate"}, args...)...)
	}
}

// expect runs a command and wants its exit code.
func expect(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := run(t, args...)
	if r.code != code {
		t.Errorf("tributary %s: exit code %d; want %d: %s", strings.Join(args, " "), r.code, code, r.errors)
	}
	return r
}
